//! What hangs hangs alone.

use plugin_api::{Fault, Value};

use crate::harness::{Server, call, directly, until};

#[test]
fn methods_that_hang_leave_others_alone() {
    let server = Server::start();
    let mut stuck = Vec::new();
    for method in ["plugin.hang", "plugin.spin"] {
        for _ in 0..40 {
            let mut client = server.connect();
            client.send(call(method, &[]));
            stuck.push(client);
        }
    }
    let sum = [Value::Int(1), Value::Int(2)];
    for method in ["other.add", "host.add"] {
        assert_eq!(server.call(method, &sum), Ok(Value::Int(3)), "{method}");
    }
    for method in ["other.later", "host.later", "plugin.echo"] {
        assert_eq!(server.call(method, &[Value::Int(5)]), Ok(Value::Int(5)), "{method}");
    }
}

#[test]
fn names_that_are_not_methods() {
    let server = Server::start();
    for name in [
        "host",
        "echo",
        "host.",
        ".echo",
        "host.echo.x",
        "host.host.echo",
        " host.echo",
        "host.echo ",
        "host._event",
        "plugin._event",
        "nope.echo",
        "host.nope",
        "host.Echo",
        "system.__class__",
        "host\u{0}.echo",
        "é.ü",
    ] {
        assert_eq!(directly(&server, name, vec![]), Err(Fault::unknown_method()), "{name:?}");
    }
    assert_eq!(server.call("host._event", &[]), Err(Fault::unknown_method()));
}

#[test]
fn wrong_parameters_are_faults() {
    let server = Server::start();
    assert_eq!(server.call("host.echo", &[]), Err(Fault::incorrect_parameters()));
    assert_eq!(
        server.call("host.add", &[Value::Int(1), Value::Int(2), Value::Int(3)]),
        Err(Fault::incorrect_parameters())
    );
    assert_eq!(server.call("host.refuse", &[]), Err(Fault::bad_name_with("cat")));
}

#[test]
fn many_calls_at_once_are_all_answered() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let mut connection = server.connect();
            scope.spawn(move || {
                for number in 0..50 {
                    let (method, value) = match (client + number) % 4 {
                        0 => ("host.echo", number),
                        1 => ("plugin.add", number),
                        2 => ("other.add", number),
                        _ => ("host.later", number),
                    };
                    assert_eq!(connection.call(method, &[Value::Int(value)]), Ok(Value::Int(value)));
                }
            });
        }
    });
    until("nothing is left behind", || server.status(crate::harness::echo()) == 200);
}

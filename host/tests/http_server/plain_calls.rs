//! Calls that are answered without hyper: nobody can tell them from others.

use std::sync::atomic::Ordering::SeqCst;

use plugin_api::Value;
use supervisor_host::server::Limits;

use crate::harness::{Client, Server, call_body, post, until};

/// Header that no plain call has.
const OTHER: &str = "X-Other: 1\r\n";

fn answer(client: &mut Client, request: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    let response = client.ask(request);
    let head = response.head.lines().map(|line| if line.starts_with("Date: ") { "Date" } else { line });
    (head.collect::<Vec<_>>().join("\n"), response.body)
}

#[test]
fn answers_are_the_same_to_the_byte() {
    let server = Server::with(Some(("user", "123")), Limits::default());
    let granted = "Authorization: Basic dXNlcjoxMjM=\r\n";
    let long = Value::from("x".repeat(300_000));
    let bodies = [
        call_body("host.echo", &[Value::Int(1)]),
        call_body("host.echo", &[Value::from("x".repeat(5_000))]),
        call_body("host.echo", &[long]),
        call_body("host.add", &[Value::Int(1)]),
        call_body("plugin.later", &[Value::Int(1)]),
        call_body("host.refuse", &[]),
        call_body("host.nope", &[]),
        call_body("", &[]),
        Vec::from("<methodCall/>"),
        Vec::new(),
    ];
    let usual = [granted, "Connection: Keep-Alive\r\nUser-Agent: Go-http-client/1.1\r\nAccept: */*\r\n"].concat();
    let doubled = [granted, "Content-Length: 3\r\n"].concat();
    for body in &bodies {
        for headers in [granted, &usual, &doubled, "", "Authorization: Basic eA==\r\n"] {
            let of_both = ["", OTHER].map(|other| {
                let request = post("/RPC2", &[headers, other].concat(), body);
                [answer(&mut server.connect(), &request), answer(&mut server.connect_unix(), &request)]
            });
            assert_eq!(of_both[0], of_both[1], "{headers:?} {:?}", String::from_utf8_lossy(body));
        }
    }
}

#[test]
fn others_may_stand_between_them() {
    let server = Server::start();
    let mut client = server.connect();
    let requests: Vec<_> = (0..200)
        .map(|number| {
            let value = Value::from(number.to_string().repeat(1 + number % 70));
            // From the middle on there is one that is not plain now and then.
            let headers = if number > 100 && number % 7 == 0 { OTHER } else { "" };
            (post("/RPC2", headers, &call_body("host.echo", std::slice::from_ref(&value))), value)
        })
        .collect();
    let all: Vec<_> = requests.iter().flat_map(|(request, _)| request).copied().collect();
    for piece in all.chunks(999) {
        client.send(piece);
    }
    for (_, value) in requests {
        assert_eq!(client.receive().unwrap().value(), Ok(value));
    }
    assert_eq!(client.ask("GET /nope HTTP/1.1\r\n\r\n").status, 404);
}

#[test]
fn the_last_answer_says_that_it_is_the_last() {
    for other in ["", OTHER] {
        let mut server = Server::start();
        let mut client = server.connect();
        let call = post("/RPC2", other, &call_body("plugin.later", &[Value::Int(1)]));
        client.send([call.clone(), call].concat());
        until("the first call is under way", || server.events.waiting.load(SeqCst) == 1);
        server.stop();
        let response = client.receive().unwrap();
        assert_eq!((response.header("Connection"), response.value()), (Some("close"), Ok(Value::Int(1))), "{other}");
        assert!(client.is_closed());
    }
}

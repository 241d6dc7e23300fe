//! `system.*`, result for result as Supervisor 4.3.0 has them.

use plugin_api::{Fault, Value};

use crate::harness::{Server, directly};

fn text(value: &str) -> Value {
    Value::from(value)
}

fn fault(code: i32, text: &str) -> Value {
    Value::structure([("faultCode", Value::Int(code)), ("faultString", text.into())])
}

fn one(name: Value, params: Value) -> Value {
    Value::structure([("methodName", name), ("params", params)])
}

#[test]
fn list_methods_is_sorted_and_complete() {
    let server = Server::start();
    let Ok(Value::Array(names)) = server.call("system.listMethods", &[]) else { panic!("an array") };
    let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.is_sorted());
    for name in ["host.echo", "system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall"] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(!names.iter().any(|name| name.contains("._")), "{names:?}");
}

#[test]
fn signatures_and_help_come_from_the_code() {
    let server = Server::start();
    let signature = |name: &str| server.call("system.methodSignature", &[text(name)]);
    assert_eq!(signature("host.add"), Ok(Value::array([text("int"), text("int"), text("int")])));
    assert_eq!(signature("system.listMethods"), Ok(Value::array([text("array")])));
    assert_eq!(signature("system.methodHelp"), Ok(Value::array([text("string"), text("string")])));
    assert_eq!(signature("system.methodSignature"), Ok(Value::array([text("array"), text("string")])));
    assert_eq!(signature("system.multicall"), Ok(Value::array([text("array"), text("array")])));
    let help = server.call("system.methodHelp", &[text("host.add")]).unwrap();
    let help = help.as_str().unwrap();
    for line in ["Add.", "@param int a", "@return int"] {
        assert!(help.contains(line), "{help}");
    }
    for name in [text("nope"), text("host.nope"), text("host._event"), text(""), Value::Int(5), Value::array([])] {
        for method in ["system.methodHelp", "system.methodSignature"] {
            assert_eq!(
                server.call(method, std::slice::from_ref(&name)),
                Err(Fault::signature_unsupported()),
                "{name:?}"
            );
        }
    }
    assert_eq!(server.call("system.methodHelp", &[]), Err(Fault::incorrect_parameters()));
}

#[test]
fn multicall_returns_bare_results_and_faults_in_order() {
    let server = Server::start();
    let call = Value::array([
        one(text("host.echo"), Value::array([Value::Int(1)])),
        one(text("host.later"), Value::array([text("two")])),
        one(text("plugin.add"), Value::array([Value::Int(1), Value::Int(2)])),
        one(text("plugin.later"), Value::array([Value::Nil])),
        one(text("host.refuse"), Value::array([])),
        one(text("system.listMethods"), Value::array([Value::Int(1)])),
        Value::structure([("methodName", text("host.refuse"))]),
        Value::structure([("params", Value::array([]))]),
        Value::structure::<String>([]),
        one(text("system.multicall"), Value::array([Value::array([])])),
        one(text("nope"), Value::array([])),
        one(text("nope"), Value::Int(1)),
        one(text(""), Value::array([])),
        one(text("host.echo"), text("x")),
        one(text("host.add"), text("12")),
        one(text("host.echo"), Value::Int(5)),
        one(text("host.echo"), Value::structure([("name", Value::Int(1))])),
        one(Value::Nil, Value::array([])),
        Value::Int(5),
    ]);
    let expected = Value::array([
        Value::Int(1),
        text("two"),
        Value::Int(3),
        Value::Nil,
        fault(10, "BAD_NAME: cat"),
        fault(2, "INCORRECT_PARAMETERS"),
        fault(10, "BAD_NAME: cat"),
        fault(2, "INCORRECT_PARAMETERS: No methodName"),
        fault(2, "INCORRECT_PARAMETERS: No methodName"),
        fault(2, "INCORRECT_PARAMETERS: Recursive system.multicall forbidden"),
        fault(1, "UNKNOWN_METHOD"),
        fault(1, "UNKNOWN_METHOD"),
        fault(1, "UNKNOWN_METHOD"),
        text("x"),
        Value::Int(3),
        fault(2, "INCORRECT_PARAMETERS"),
        text("name"),
        fault(2, "INCORRECT_PARAMETERS: No methodName"),
        fault(2, "INCORRECT_PARAMETERS: No methodName"),
    ]);
    assert_eq!(server.call("system.multicall", std::slice::from_ref(&call)), Ok(expected.clone()));
    assert_eq!(directly(&server, "system.multicall", vec![call]), Ok(expected));
}

#[test]
fn multicall_takes_an_array() {
    let server = Server::start();
    assert_eq!(server.call("system.multicall", &[Value::array([])]), Ok(Value::array([])));
    for wrong in [Value::Int(1), Value::Nil, text("text"), Value::structure::<String>([])] {
        assert_eq!(server.call("system.multicall", &[wrong]), Err(Fault::incorrect_parameters()));
    }
    assert_eq!(server.call("system.multicall", &[]), Err(Fault::incorrect_parameters()));
}

#[test]
fn a_long_multicall_is_answered_whole() {
    let server = Server::start();
    let calls = Value::array((0..5000).map(|number| one(text("host.echo"), Value::array([Value::Int(number)]))));
    assert_eq!(server.call("system.multicall", &[calls]), Ok(Value::array((0..5000).map(Value::Int))));
}

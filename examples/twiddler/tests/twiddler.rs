//! The twiddler without a supervisord: against a fake one, and as the library that it becomes.

use plugin_api::{Event, Fault, Value, Verdict, testing::FakeHost};
use supervisor_twiddler::{make_twiddler_rpcinterface, stdin_write_handler};

#[test]
fn programs_join_and_leave_groups() {
    let host = FakeHost::new();
    host.add_group("foo", &[]);
    host.add_group("bar", &["cat"]);
    let twiddler = host.make(make_twiddler_rpcinterface, []).unwrap();
    assert_eq!(twiddler.call("getGroupNames", ()), Ok(vec!["foo".to_owned(), "bar".to_owned()]));
    let options = Value::structure([("command", "/bin/ls".into())]);
    assert_eq!(twiddler.call("addProgramToGroup", ("foo", "ls", options.clone())), Ok(true));
    assert_eq!(
        twiddler.call("addProgramToGroup", ("bar", "cat", options)),
        Err::<bool, _>(Fault::bad_name_with("cat"))
    );
    assert_eq!(twiddler.call("removeProcessFromGroup", ("foo", "ls")), Ok(true));
    let nope = Err::<bool, _>(Fault::bad_name_with("group: nope"));
    assert_eq!(twiddler.call("removeProcessFromGroup", ("nope", "ls")), nope);
    assert_eq!(host.calls()[0], "addProgram('foo', 'ls', {'command': '/bin/ls'})");
}

#[test]
fn lines_are_logged_at_the_level_that_is_named() {
    let host = FakeHost::new();
    let twiddler = host.make(make_twiddler_rpcinterface, []).unwrap();
    for level in ["WARN".into(), "warn".into(), Value::from(30)] {
        assert_eq!(twiddler.call("log", ("twiddled", level)), Ok(true));
    }
    assert_eq!(host.logs(), ["warn: twiddled"; 3]);
    for level in ["WARNING".into(), Value::from(31)] {
        assert_eq!(twiddler.call::<bool>("log", ("x", level)), Err(Fault::incorrect_parameters()));
    }
}

#[test]
fn a_handler_passes_on_what_follows_stdin() {
    let host = FakeHost::new();
    host.answers("supervisor.sendProcessStdin", true);
    let event = Event::new("PROCESS_COMMUNICATION_STDOUT", "processname:cat groupname:pets pid:5\nhello");
    let handle = |result: &[u8]| stdin_write_handler(&host.host(), &event, result);
    assert_eq!(handle(b"OK"), Ok(Verdict::Accept));
    assert_eq!(handle(b"unexpected"), Ok(Verdict::Reject));
    assert!(host.calls().is_empty());
    assert_eq!(handle(b"STDIN:meow"), Ok(Verdict::Accept));
    host.fails("supervisor.sendProcessStdin", Fault::not_running_with("pets:cat"));
    assert_eq!(handle(b"STDIN:meow"), Ok(Verdict::Accept), "the listener has done its part");
    assert_eq!(host.calls(), ["supervisor.sendProcessStdin('pets:cat', b'meow')"; 2]);
}

#[test]
fn the_library_has_the_result_handler() {
    let (library, host) = (plugin_loader::built(), FakeHost::new());
    host.answers("supervisor.sendProcessStdin", true);
    let event = Event::new("PROCESS_COMMUNICATION_STDOUT", "processname:cat groupname:pets pid:5\nhello");
    assert_eq!(library.result_handler("stdin_write_handler", &host, &event, b"STDIN:meow"), Ok(Verdict::Accept));
    assert_eq!(library.result_handler("stdin_write_handler", &host, &event, b"unexpected"), Ok(Verdict::Reject));
    assert_eq!(host.calls(), ["supervisor.sendProcessStdin('pets:cat', b'meow')"]);
    let fault = library.result_handler("handler", &host, &event, b"OK").unwrap_err();
    assert!(fault.text.ends_with("for `result_handler` of [eventlistener:x] sections; it has stdin_write_handler"));
}

#[test]
fn the_library_has_the_whitelist_of_its_section() {
    let library = plugin_loader::built();
    let make = |options: &[(&'static str, Value)]| {
        library.rpcinterface("make_twiddler_rpcinterface", &FakeHost::new(), options.iter().cloned())
    };
    let twiddler = make(&[("whitelist", "getAPIVersion, log".into())]).unwrap();
    assert_eq!(twiddler.call("getAPIVersion", ()), Ok("1.0".to_owned()));
    let fault = Fault::new(230, "NOT_IN_WHITELIST: getGroupNames");
    assert_eq!(twiddler.call::<Value>("getGroupNames", ()), Err(fault));
    let fault = make(&[("white_list", "x".into())]).unwrap_err();
    assert_eq!(fault.text, "BAD_ARGUMENTS: unknown key 'white_list'; known are 'whitelist'");
    let fault = library.rpcinterface("make_it", &FakeHost::new(), []).unwrap_err();
    assert!(fault.text.contains("has no factory 'make_it'"), "{fault}");
}

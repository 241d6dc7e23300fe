//! A play of the plugin `elder`: everything that it does has to work, whatever it was built with.

use std::{path::Path, time::Duration};

use plugin_api::{
    Event, Fault, Value,
    testing::{FakeController, FakeHost, Published},
};
use plugin_loader::Library;

#[track_caller]
pub(crate) fn open(path: &Path) -> Library {
    Library::open(path).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn all(library: &Library) {
    rpcinterface(library);
    ctl(library);
    result_handler(library);
}

fn make(library: &Library, host: &FakeHost, options: &[(&'static str, Value)]) -> Result<Published, Fault> {
    let factory = library.factory("make_elder", "rpcinterface").unwrap();
    assert_eq!(factory.property("events"), Some(&Value::array(["ELDER_SAW".into()])));
    host.make_object(|host, options| factory.make(host, options), options.iter().cloned())
}

fn rpcinterface(library: &Library) {
    let host = FakeHost::new();
    let elder = make(library, &host, &[("greeting", "Hello".into()), ("loud", "no".into())]).unwrap();
    assert_eq!(elder.call("greet", ("world",)), Ok("Hello, world!".to_owned()));
    assert_eq!(elder.call::<String>("greet", ()), Err(Fault::incorrect_parameters()));
    for value in [Value::Nil, true.into(), 7.into(), 1.5.into(), "text".into(), Value::Base64(vec![0, 255].into())] {
        assert_eq!(elder.call("echo", (value.clone(),)), Ok(value));
    }
    let point = Value::structure([("x", 2.into()), ("y", 0.5.into())]);
    let mirrored = Value::structure([("x", 8.into()), ("y", (-0.5).into())]);
    assert_eq!(elder.call("mirror", (point, 10)), Ok(mirrored));
    let words = Value::array(["a".into(), "b".into(), "a".into()]);
    assert_eq!(elder.call("count", (words,)), Ok(Value::structure([("a", 2.into()), ("b", 1.into())])));

    host.answers("supervisor.getPID", 5);
    assert_eq!(elder.call("ask", ("supervisor.getPID",)), Ok(5));
    let mut later = elder.begin::<i32>("askLater", ("supervisor.getPID",));
    assert!(!later.is_ready());
    host.advance(Duration::from_millis(1));
    assert_eq!(later.wait(), Ok(5));
    drop(elder.begin::<i32>("askLater", ("supervisor.getPID",)));
    assert_eq!(host.logs(), ["info: asking"]);

    let fault = elder.call::<bool>("fall", ()).unwrap_err();
    assert!(fault.text.starts_with("FAILED: fall panicked: too old for this ("), "{fault}");
    assert_eq!(elder.event(&Event::new("PROCESS_STATE_EXITED", "processname:a groupname:a")), Ok(1));
    assert_eq!(host.events(), ["ELDER_SAW PROCESS_STATE_EXITED"]);
    assert!(elder.method("greet").unwrap().help.starts_with("Greet somebody.\n\n@param string name\n@return string"));

    let fault = make(library, &host, &[("greeting", "Hello".into()), ("size", "1".into())]).unwrap_err();
    assert!(fault.text.starts_with("BAD_ARGUMENTS: unknown key 'size'"), "{fault}");
}

fn ctl(library: &Library) {
    let ctl = FakeController::new();
    ctl.answers("elder.greet", "Hello, you two!");
    let factory = library.factory("make_commands", "ctl").unwrap();
    let commands = ctl.make_object(|host, options| factory.make(host, options), []).unwrap();
    commands.call::<()>("elder_greet", ("you", "two")).unwrap();
    assert_eq!((ctl.calls(), ctl.output()), (vec!["elder.greet('you two')".into()], vec!["Hello, you two!".into()]));
}

fn result_handler(library: &Library) {
    let factory = library.factory("judge", "result_handler").unwrap();
    let handler = FakeHost::new().make_object(|host, options| factory.make(host, options), []).unwrap();
    let judge = |result: &[u8]| {
        handler.call("handleResult", (Event::new("TICK_5", "when:5"), Value::Base64(result.to_vec().into())))
    };
    assert_eq!((judge(b"OK"), judge(b"FAIL")), (Ok(true), Ok(false)));
}

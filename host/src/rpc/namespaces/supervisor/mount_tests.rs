//! Every method that starts processes or looks for them, while the mount on which one of them lies does not answer.

use std::{sync::Arc, time::Duration};

use plugin_api::{Code, Value};

use super::SupervisorInterface;
use crate::{
    config,
    process::fixtures,
    states::ProcessState,
    supervisor::fixtures::{AtWork, Mount, block_on},
};

/// Time that a client waits for the mount, which is gone; a start of what lies elsewhere takes far less, whatever else
/// this machine does.
const TIMEOUT: Duration = Duration::from_secs(1);

fn idle(name: &str) -> config::Process {
    config::Process { autostart: false, startsecs: 0, ..fixtures::process(name) }
}

fn groups() -> [Arc<config::Group>; 2] {
    [
        fixtures::group("mixed", 1, vec![idle("mounted"), idle("local")]),
        fixtures::group("other", 2, vec![idle("other")]),
    ]
}

/// The names and descriptions in an answer for many processes.
fn told(results: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value, name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    results.iter().map(|result| (text(result, "name"), text(result, "description"))).collect()
}

const NO_ANSWER: &str = "FAILED: mixed:mounted is not started: the file system of its command does not answer";

fn pair(name: &str, description: &str) -> (String, String) {
    (name.to_owned(), description.to_owned())
}

#[test]
fn start_process_of_what_lies_there_fails_and_others_start() {
    let mount = Mount::gone();
    let supervisor = AtWork::mounted(groups(), &mount, TIMEOUT);
    let methods = SupervisorInterface::new(supervisor.clone());
    let fault = block_on(methods.start_process("mixed:mounted".to_owned(), None)).unwrap_err();
    assert_eq!((fault.code, fault.text.as_str()), (Code::Failed as i32, NO_ANSWER));
    assert_eq!(block_on(methods.start_process("mixed:local".to_owned(), None)), Ok(true.into()));
    mount.set_gone(false);
}

#[test]
fn start_of_a_group_starts_those_that_lie_elsewhere() {
    let mount = Mount::gone();
    let supervisor = AtWork::mounted(groups(), &mount, TIMEOUT);
    let methods = SupervisorInterface::new(supervisor.clone());
    let results = block_on(methods.start_process_group("mixed".to_owned(), None)).unwrap();
    assert_eq!(told(&results), [pair("mounted", NO_ANSWER), pair("local", "OK")]);
    let Value::Array(results) = block_on(methods.start_process("mixed:*".to_owned(), None)).unwrap() else {
        panic!("an array");
    };
    assert_eq!(told(&results), [pair("mounted", NO_ANSWER)]);
    mount.set_gone(false);
}

#[test]
fn start_of_all_starts_those_that_lie_elsewhere_before_it_answers() {
    let mount = Mount::gone();
    let supervisor = AtWork::mounted(groups(), &mount, Duration::from_secs(20));
    let methods = SupervisorInterface::new(supervisor.clone());
    let all = std::thread::spawn(move || block_on(methods.start_all_processes(None)).unwrap());
    for name in ["local", "other"] {
        supervisor.wait(name, |info| info.state == ProcessState::Running);
    }
    assert!(!all.is_finished());
    mount.set_gone(false);
    let names: Vec<_> = told(&all.join().unwrap()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["mounted", "local", "other"]);
}

#[test]
fn a_group_that_is_added_does_not_wait_for_it() {
    let mount = Mount::gone();
    let supervisor = AtWork::mounted(groups(), &mount, TIMEOUT);
    let autostart = |name| config::Process { autostart: true, ..idle(name) };
    let added = fixtures::group("added", 1, vec![autostart("mounted too"), autostart("here")]);
    assert!(supervisor.add_group(&added).unwrap());
    supervisor.wait("here", |info| info.state == ProcessState::Running);
    assert_eq!(supervisor.process("mounted too").state, ProcessState::Starting);
    mount.set_gone(false);
    supervisor.wait("mounted too", |info| info.state == ProcessState::Running);
}

//! The `supervisor` namespace, called as the registry calls it.

use std::sync::{Arc, LazyLock};

use plugin_api::{Fault, IntoParams, NamespaceObject, Value, namespace};
use supervisor_host::{
    config::{AutoRestart, Process},
    rpc::SupervisorInterface,
    states::ProcessState,
};

use crate::setup::{core, program, shell, wait_until};

fn call(method: &str, params: impl IntoParams) -> Result<Value, Fault> {
    static INTERFACE: LazyLock<NamespaceObject> =
        LazyLock::new(|| namespace(Arc::new(SupervisorInterface::new(core().supervisor.clone()))));
    INTERFACE.call(method.into(), params.into_params()).wait()
}

fn fault(method: &str, params: impl IntoParams) -> (i32, String) {
    let fault = call(method, params).expect_err("a fault");
    (fault.code, fault.text.to_string())
}

fn ok(name: &str) -> Value {
    result(name, 80, "OK")
}

fn result(name: &str, status: i32, description: &str) -> Value {
    Value::structure([
        ("name", name.into()),
        ("group", "rpc_group".into()),
        ("status", status.into()),
        ("description", description.into()),
    ])
}

/// Never started by itself.
fn manual(process: Process) -> Process {
    Process { autostart: false, ..process }
}

#[test]
fn a_process_is_started_stopped_and_described() {
    core().add(manual(Process { startsecs: 1, ..program("rpc_cat", "/bin/cat") }));
    let member = |name: &str| call("getProcessInfo", ("rpc_cat",)).unwrap().get(name).unwrap().clone();
    assert_eq!((member("statename"), member("description")), ("STOPPED".into(), "Not started".into()));
    assert_eq!(call("startProcess", ("rpc_cat", false)), Ok(true.into()));
    assert_eq!((member("statename"), member("description")), ("STARTING".into(), "".into()));
    assert_eq!(fault("startProcess", ("rpc_cat",)), (60, "ALREADY_STARTED: rpc_cat".to_owned()));
    assert_eq!(call("stopProcess", ("rpc_cat:rpc_cat",)), Ok(true.into()));
    assert_eq!(member("exitstatus"), Value::Int(-1));
    assert_eq!(fault("stopProcess", ("rpc_cat",)), (70, "NOT_RUNNING: rpc_cat".to_owned()));
    assert_eq!(call("startProcess", ("rpc_cat",)), Ok(true.into()));
    assert!(member("description").as_str().unwrap().starts_with("pid "));
    let names: Vec<_> = match call("getProcessInfo", ("rpc_cat",)).unwrap() {
        Value::Struct(members) => members.into_iter().map(|member| member.name.to_string()).collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        names.join(" "),
        "name group start stop now state statename spawnerr exitstatus logfile stdout_logfile stderr_logfile pid description"
    );
}

#[test]
fn what_cannot_be_started_says_why() {
    core().add(manual(program("rpc_missing", "/nonexistent/x")));
    assert_eq!(
        fault("startProcess", ("rpc_missing",)),
        (20, "NO_FILE: can't find command '/nonexistent/x'".to_owned())
    );
    core().add(manual(program("rpc_text", "/etc/passwd")));
    assert_eq!(
        fault("startProcess", ("rpc_text", false)),
        (21, "NOT_EXECUTABLE: command at '/etc/passwd' is not executable".to_owned())
    );
    core().add(manual(Process { startsecs: 1, startretries: 0, ..shell("rpc_early", "exit 1") }));
    assert_eq!(fault("startProcess", ("rpc_early",)), (50, "SPAWN_ERROR: rpc_early".to_owned()));
    assert_eq!(fault("startProcess", ("rpc_nope:*",)), (10, "BAD_NAME: rpc_nope:*".to_owned()));
    assert_eq!(fault("startProcess", ()), (2, "INCORRECT_PARAMETERS".to_owned()));
}

#[test]
fn a_process_that_is_stopping_can_be_neither_started_nor_stopped() {
    let script = "trap '' TERM; echo up; while :; do read x; done";
    let slow = core().add(Process { stopwaitsecs: 2, ..shell("rpc_slow", script) });
    slow.wait_for_stdout("up\n");
    assert_eq!(call("stopProcess", ("rpc_slow", false)), Ok(true.into()));
    assert_eq!(fault("stopProcess", ("rpc_slow",)), (70, "NOT_RUNNING: rpc_slow".to_owned()));
    for wait in [false, true] {
        assert_eq!(fault("startProcess", ("rpc_slow", wait)), (40, "ABNORMAL_TERMINATION: rpc_slow".to_owned()));
    }
    slow.wait_for(ProcessState::Stopped);
}

#[test]
fn a_group_is_handled_as_one() {
    let process = |name: &str, priority, command: &str| manual(Process { priority, ..program(name, command) });
    core().add_group(
        "rpc_group",
        vec![
            process("b", 2, "/bin/cat"),
            process("a", 1, "/bin/cat"),
            process("missing", 3, "/nonexistent/x"),
            Process { startsecs: 1, ..process("slow", 0, "/bin/cat") },
        ],
    );
    let missing = result("missing", 20, "NO_FILE: can't find command '/nonexistent/x'");
    assert_eq!(
        call("startProcessGroup", ("rpc_group",)),
        Ok(Value::array([ok("a"), ok("b"), missing.clone(), ok("slow")])),
        "in the order in which it was over"
    );
    assert_eq!(call("startProcess", ("rpc_group:*",)), Ok(Value::array([missing])), "the others run");
    let all = Value::array([ok("slow"), ok("a"), ok("b")]);
    assert_eq!(call("signalProcess", ("rpc_group:", "0")), Ok(all.clone()));
    assert_eq!(
        call("signalProcessGroup", ("rpc_group", "NOPE")).unwrap().as_array().unwrap()[0],
        result("slow", 11, "BAD_SIGNAL: NOPE")
    );
    assert_eq!(call("stopProcessGroup", ("rpc_group", false)), Ok(all));
    wait_until(|| call("stopProcessGroup", ("rpc_group",)) == Ok(Value::array([])));
}

#[test]
fn signals_are_checked_before_the_state() {
    core().add(manual(program("rpc_signal", "/bin/cat")));
    assert_eq!(fault("signalProcess", ("rpc_signal", "NOPE")), (11, "BAD_SIGNAL: NOPE".to_owned()));
    assert_eq!(fault("signalProcess", ("rpc_signal", 99)), (11, "BAD_SIGNAL: 99".to_owned()));
    assert_eq!(fault("signalProcess", ("rpc_signal", "HUP")), (70, "NOT_RUNNING: rpc_signal".to_owned()));
    assert_eq!(fault("signalProcess", ("rpc_nope", "HUP")), (10, "BAD_NAME: rpc_nope".to_owned()));
    assert_eq!(fault("signalProcessGroup", ("rpc_nope", "HUP")), (10, "BAD_NAME: rpc_nope".to_owned()));
}

#[test]
fn logs_are_read_tailed_and_cleared() {
    let silent = Process { autorestart: AutoRestart::Never, ..shell("rpc_log", "echo hello; echo oops >&2") };
    let log = core().add(silent);
    log.wait_for_stdout("hello\n");
    assert_eq!(call("readProcessLog", ("rpc_log", 0, 0)), Ok("hello\n".into()));
    assert_eq!(call("readProcessStdoutLog", ("rpc_log", "0", "4")), Ok("hell".into()));
    wait_until(|| call("readProcessStderrLog", ("rpc_log", -3, 0)) == Ok("ps\n".into()));
    assert_eq!(fault("readProcessLog", ("rpc_log", 0, -1)), (3, "BAD_ARGUMENTS".to_owned()));
    assert_eq!(call("tailProcessLog", ("rpc_log", 0, 3)), Ok(Value::array(["lo\n".into(), 6.into(), true.into()])));
    assert_eq!(call("clearProcessLogs", ("rpc_log",)), Ok(true.into()));
    assert_eq!(call("readProcessLog", ("rpc_log", 0, 0)), Ok("".into()));
    assert_eq!(fault("readProcessLog", ("rpc_nope", 0, 0)), (10, "BAD_NAME: rpc_nope".to_owned()));

    let mut none = manual(program("rpc_none", "/bin/cat"));
    none.stdout.logfile = supervisor_host::config::Logfile::None;
    core().add(none);
    assert_eq!(fault("readProcessLog", ("rpc_none", 0, 0)), (20, "NO_FILE".to_owned()));
    assert_eq!(call("tailProcessLog", ("rpc_none", 0, 5)), Ok(Value::array(["".into(), 0.into(), false.into()])));
}

#[test]
fn stdin_takes_text() {
    let cat = core().add(program("rpc_stdin", "/bin/cat"));
    cat.wait_for(ProcessState::Running);
    assert_eq!(call("sendProcessStdin", ("rpc_stdin", "héllo\n")), Ok(true.into()));
    cat.wait_for_stdout("héllo\n");
    assert_eq!(fault("sendProcessStdin", ("rpc_nope", 5)), (2, "INCORRECT_PARAMETERS: 5".to_owned()));
    assert_eq!(fault("sendProcessStdin", ("rpc_nope", "x")), (10, "BAD_NAME: rpc_nope".to_owned()));
    cat.stop_and_wait();
    assert_eq!(fault("sendProcessStdin", ("rpc_stdin", "x")), (70, "NOT_RUNNING: rpc_stdin".to_owned()));

    let deaf = core().add(shell("rpc_deaf", "exec 0<&-; echo up; exec sleep 1000"));
    deaf.wait_for_stdout("up\n");
    assert_eq!(fault("sendProcessStdin", ("rpc_deaf", "x")), (20, "NO_FILE: rpc_deaf".to_owned()));
    deaf.stop_and_wait();
}

#[test]
fn supervisord_tells_of_itself() {
    assert_eq!(call("getAPIVersion", ()), Ok("3.0".into()));
    assert_eq!(call("getSupervisorVersion", ()), Ok("4.3.0".into()));
    assert_eq!(call("getIdentification", ()), Ok("supervisor".into()));
    let state = Value::structure([("statecode", 1.into()), ("statename", "RUNNING".into())]);
    assert_eq!(call("getState", ()), Ok(state));
    assert!(call("readLog", (0, 4)).unwrap().as_str().unwrap().starts_with("20"));
    assert_eq!(call("addProcessGroup", ("rpc_nope",)), Err(Fault::bad_name_with("rpc_nope")));
    assert_eq!(call("removeProcessGroup", ("rpc_nope",)), Err(Fault::bad_name_with("rpc_nope")));
    assert!(fault("reloadConfig", ()).1.starts_with("CANT_REREAD: "));
}

#[test]
fn every_method_of_supervisor_is_there_with_its_signature() {
    let interface = namespace(Arc::new(SupervisorInterface::new(core().supervisor.clone())));
    let mut signatures: Vec<_> = interface
        .methods()
        .into_iter()
        .map(|info| {
            let kinds: Vec<_> = info.params.iter().map(|param| param.kind.as_str()).collect();
            format!("{} {}({})", info.returns, info.name, kinds.join(", "))
        })
        .collect();
    signatures.sort_by(|a, b| a.split_once(' ').unwrap().1.cmp(b.split_once(' ').unwrap().1));
    assert_eq!(signatures.join("\n"), include_str!("signatures.txt").trim_end());
}

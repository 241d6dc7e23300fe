//! Actions behind the buttons of the status page, and the message after each, in Supervisor's words.

use chrono::Local;
use plugin_api::{
    Code::{self, AbnormalTermination, AlreadyStarted, NoFile, NotExecutable, SpawnError},
    Fault, Value,
};

use crate::rpc::Registry;

/// Do what a form asks for, and return the message when it is done. `None` where there is no such action.
pub(super) async fn act(registry: &Registry, action: &str, processname: Option<&str>) -> Option<String> {
    let said = match (action, processname) {
        ("refresh", _) => format!("Page refreshed at {}", now()),
        ("stopall", _) => {
            let _ = call(registry, "stopAllProcesses", &[]).await;
            format!("All stopped at {}", now())
        }
        ("restartall", _) => {
            let _ = call(registry, "stopAllProcesses", &[]).await;
            let _ = call(registry, "startAllProcesses", &[]).await;
            format!("All restarted at {}", now())
        }
        ("start" | "stop" | "restart" | "clearlog", Some(name)) => of_process(registry, action, name).await,
        _ => return None,
    };
    Some(said)
}

async fn of_process(registry: &Registry, action: &str, name: &str) -> String {
    // Its namespec could be that of a whole group, for which there is no button.
    if call(registry, "getProcessInfo", &[name]).await.is_err_and(|fault| fault.is(Code::BadName)) {
        return format!("No such process named {name}");
    }
    let unexpected = |fault: &Fault| format!("unexpected rpc fault [{}] {}", fault.code, fault.text);
    match action {
        "start" => match call(registry, "startProcess", &[name]).await {
            Ok(_) => format!("Process {name} started"),
            Err(fault) => {
                let why = match Code::from_number(fault.code) {
                    Some(NoFile) => "no such file".to_owned(),
                    Some(NotExecutable) => "file not executable".to_owned(),
                    Some(AlreadyStarted) => "already started".to_owned(),
                    Some(SpawnError) => "spawn error".to_owned(),
                    Some(AbnormalTermination) => "abnormal termination".to_owned(),
                    _ => unexpected(&fault),
                };
                format!("ERROR: Process {name}: {why}")
            }
        },
        "stop" => match call(registry, "stopProcess", &[name]).await {
            Ok(_) => format!("Process {name} stopped"),
            Err(fault) => unexpected(&fault),
        },
        "restart" => {
            let _ = call(registry, "stopProcess", &[name]).await;
            let _ = call(registry, "startProcess", &[name]).await;
            format!("Process {name} restarted")
        }
        _ => match call(registry, "clearProcessLogs", &[name]).await {
            Ok(_) => format!("Log for {name} cleared"),
            Err(fault) => unexpected(&fault),
        },
    }
}

/// Call a method of `supervisor` with strings.
pub(super) async fn call(registry: &Registry, method: &str, params: &[&str]) -> Result<Value, Fault> {
    let params = params.iter().map(|&param| Value::from(param)).collect();
    registry.call(&format!("supervisor.{method}"), params).await
}

/// The time as Python's `time.ctime` has it.
fn now() -> String {
    Local::now().format("%a %b %e %H:%M:%S %Y").to_string()
}

//! Hundreds of small configs, read by the real Supervisor and by ours, and compared value by value: what is resolved,
//! or the error; and the warnings.
//!
//! What differs on purpose stands in one table with its reason, and is printed. A row of that table that makes no
//! difference fails, too.

mod cases;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use crate::common::{Peers, Sandbox};
use serde_json::{Map, Value, json};

/// What both read the files in: the same variables and the same directory.
fn surrounded(mut command: Command, sandbox: &Sandbox) -> Command {
    command.current_dir(sandbox.path());
    for (name, value) in
        [("YES", "yes"), ("FIVE", "5"), ("WORD", "word"), ("PERCENT", "100%"), ("HOME", sandbox.here())]
    {
        command.env(name, value);
    }
    command
}

fn real(sandbox: &Sandbox, files: &[PathBuf]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/config_compare/real.py");
    let mut command = surrounded(sandbox.command(Peers::get().program("python")), sandbox);
    command.args(["-W", "ignore"]).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python can be run");
    let mut stdin = child.stdin.take().expect("a pipe");
    let lines: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let lines = lines.join("\n");
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("our child");
    writer.join().expect("no panic").expect("Python reads its list");
    serde_json::from_slice(&output.stdout).expect("a list of results")
}

fn ours(sandbox: &Sandbox, file: &Path) -> Value {
    let mut command = surrounded(sandbox.command(env!("CARGO_BIN_EXE_supervisord")), sandbox);
    let output = command.arg("-c").arg(file).args(["--check-config", "json"]).output().expect("supervisord can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{output:?}"))
}

/// Options of programs that Supervisor does not have.
const OURS: &[&str] = &[
    "restart_delay",
    "restart_delay_max",
    "env_file",
    "user_environment",
    "rlimit_nofile",
    "rlimit_core",
    "rlimit_nproc",
    "rlimit_memlock",
    "nice",
    "oom_score_adj",
    "kill_descendants",
    "depends_on",
    "exit_when",
    "update",
    "ready",
    "ready_timeout",
    "watchdog_secs",
    "health",
    "health_interval",
    "health_timeout",
    "health_retries",
    "health_action",
    "stdout_log_format",
    "stdout_logfile_rotate",
    "stderr_log_format",
    "stderr_logfile_rotate",
];

/// Ours in the shape of the other.
fn comparable(mut ours: Value) -> Value {
    if let Some(first) = ours["errors"].get(0) {
        return json!({ "error": first["message"] });
    }
    let keep = ["supervisord", "servers", "groups", "programs", "eventlisteners", "fcgi_programs", "rpcinterfaces"];
    let object = ours.as_object_mut().expect("an object");
    object.retain(|key, value| {
        keep.contains(&key.as_str()) || key == "warnings" || key == "supervisorctl" && !value.is_null()
    });
    if let Some(client) = object.get_mut("supervisorctl") {
        remove(client, &["password", "plugin_path", "ctlplugins"]);
    }
    remove(&mut ours["supervisord"], &["plugin_path", "plugin_data_dir", "env_file", "exit_when_all", "log_format"]);
    each(&mut ours["servers"], |server| remove(server, &["password", "allowed_hosts", "metrics"]));
    each(&mut ours["eventlisteners"], |pool| remove(pool, &["result_handler", "processes"]));
    each(&mut ours["fcgi_programs"], |group| remove(group, &["processes"]));
    each(&mut ours["programs"], |program| {
        remove(program, &["numprocs", "numprocs_start"]);
        remove(program, OURS);
        numeric_user(program);
    });
    numeric_user(&mut ours["supervisord"]);
    each(&mut ours["rpcinterfaces"], |plugin| *plugin = plugin["name"].clone());
    each(&mut ours["groups"], |group| sort(&mut group["processes"], ToString::to_string));
    sort(&mut ours["programs"], |program| format!("{} {}", program["group"], program["name"]));
    ours
}

/// A user is shown as the config gives it.
fn numeric_user(section: &mut Value) {
    if section["user"] == "0" {
        section["user"] = json!("root");
    }
}

fn remove(object: &mut Value, keys: &[&str]) {
    object.as_object_mut().expect("an object").retain(|key, _| !keys.contains(&key.as_str()));
}

fn each(list: &mut Value, change: impl Fn(&mut Value)) {
    list.as_array_mut().expect("a list").iter_mut().for_each(change);
}

fn sort(list: &mut Value, key: impl Fn(&Value) -> String) {
    list.as_array_mut().expect("a list").sort_by_key(key);
}

/// What differs between the two, by path.
fn differences(path: &str, real: &Value, ours: &Value, out: &mut Vec<String>) {
    match (real, ours) {
        (a, b) if path.is_empty() && a.get("error").is_some() != b.get("error").is_some() => {
            let of = |it: &Value| it.get("error").cloned().unwrap_or_else(|| json!("no error"));
            out.push(format!("{} there, {} here", a.get("crash").cloned().unwrap_or_else(|| of(a)), of(b)));
        }
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                differences(&format!("{path}.{key}"), &of(a), &of(b), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if path.ends_with(".warnings") => {
            // Ours also names what nobody knows.
            out.extend(a.iter().filter(|it| !b.contains(it)).map(|it| format!("{path}: {it} is not among {b:?}")));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, out);
            }
        }
        (a, b) if a != b => out.push(format!("{path}: {a} there, {b} here")),
        _ => {}
    }
}

#[test]
fn what_supervisor_reads_ours_reads() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.join("inc")).expect("a directory in the sandbox");
    sandbox.write("inc/a.conf", "[program:a]\ncommand=%(here)s/a\n[include]\nfiles=never.conf\n");
    sandbox.write("inc/b.conf", "[supervisord]\nloglevel=warn\n[program:a]\nstartsecs=7\n[program:b]\ncommand=b\n");
    sandbox.write("inc/broken.inc", "nonsense\n");
    let cases = cases::all();
    let file = |(index, case): (usize, &cases::Case)| {
        sandbox.write(format!("{index}.conf"), case.text.replace("{here}", sandbox.here()))
    };
    let files: Vec<PathBuf> = cases.iter().enumerate().map(file).collect();
    let results = thread::scope(|scope| {
        let real = scope.spawn(|| real(&sandbox, &files));
        let ours: Vec<_> = files.iter().map(|file| comparable(ours(&sandbox, file))).collect();
        let real = real.join().expect("no panic");
        real.into_iter().zip(ours).collect::<Vec<_>>()
    });
    assert_eq!(results.len(), cases.len());

    let mut wrong = Vec::new();
    let mut on_purpose = 0;
    for (case, (real, ours)) in cases.iter().zip(&results) {
        let mut found = Vec::new();
        differences("", real, ours, &mut found);
        match case.reason {
            Some(reason) if !found.is_empty() => {
                on_purpose += 1;
                println!("on purpose: {reason}\n{}\n  {}", case.text, found.join("\n  "));
            }
            Some(reason) => wrong.push(format!("no difference, though: {reason}\n{}\n", case.text)),
            None if found.is_empty() => {}
            None => wrong.push(format!("{}\n  {}\n", case.text, found.join("\n  "))),
        }
    }
    println!("{} configs, {on_purpose} differences on purpose", cases.len());
    assert!(wrong.is_empty(), "{} of {} configs\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

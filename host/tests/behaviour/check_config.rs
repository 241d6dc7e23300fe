//! `supervisord --check-config`: says what would run, or all that is wrong, and does nothing.

use std::{fs, process::Command};

use crate::common::{Config, Output, Sandbox, Supervisord, plugin_path};
use serde_json::Value;

const GOOD: &str = "\
[supervisord]
logfile=%(here)s/supervisord.log
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s
environment=STAGE=live
[inet_http_server]
port=127.0.0.1:9999
allowed_hosts=Sup.example, web1
username=user
password=tiger
[unix_http_server]
file=%(here)s/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:cache]
supervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/supervisor.sock
[ctlplugin:cache]
supervisor.ctl_factory=supervisor_cache.controllerplugin:make_cache_controllerplugin
[program:web]
command=/bin/serve %(ENV_STAGE)s %(process_num)d
numprocs=2
process_name=%(program_name)s_%(process_num)02d
[eventlistener:ear]
command=/bin/ear
events=TICK_5,PROCESS_LOG
[fcgi-program:php]
command=/bin/php
socket=unix://%(here)s/php.sock
[group:tools]
programs=web
";

/// What it says of a config of that text.
pub(crate) fn check(sandbox: &Sandbox, text: &str, format: &str) -> Output {
    let file = sandbox.write("supervisord.conf", text);
    let mut command: Command = sandbox.command(env!("CARGO_BIN_EXE_supervisord"));
    command.env("SUPERVISOR_PLUGIN_PATH", plugin_path()).arg("-c").arg(file).args(["--check-config", format]);
    let output = command.output().expect("supervisord can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { status: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_good_config_is_resolved_and_nothing_is_done() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, GOOD, "json");
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let all = json(&output);
    let programs: Vec<_> = all["programs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| format!("{}:{} {}", it["group"], it["name"], it["command"]).replace('"', ""))
        .collect();
    assert_eq!(
        programs,
        ["ear:ear /bin/ear", "php:php /bin/php", "tools:web_00 /bin/serve live 0", "tools:web_01 /bin/serve live 1"]
    );
    assert_eq!(all["eventlisteners"][0]["events"], serde_json::json!(["PROCESS_LOG", "TICK_5"]));
    assert_eq!(all["fcgi_programs"][0]["socket"], format!("unix://{}/php.sock", sandbox.here()));
    assert_eq!(all["servers"][0]["allowed_hosts"], serde_json::json!(["sup.example", "web1"]));
    assert_eq!(all["rpcinterfaces"].as_array().map(Vec::len), Some(2));
    assert_eq!(all["supervisorctl"]["ctlplugins"][0]["name"], "cache");
    assert!(!output.stdout.contains("tiger"));
    let left: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["supervisord.conf"]);
}

#[test]
fn text_has_the_same_options() {
    let output = check(&Sandbox::new(), GOOD, "text");
    assert_eq!(output.status, 0);
    for line in [
        "[program tools:web_01]",
        "command = /bin/serve live 1",
        "[eventlistener ear]",
        "events = PROCESS_LOG,TICK_5",
        "allowed_hosts = sup.example,web1",
    ] {
        assert!(output.stdout.lines().any(|it| it == line), "{line} is missing:\n{}", output.stdout);
    }
    assert!(!output.stdout.contains("tiger"));
}

#[test]
fn all_errors_are_said_with_status_2() {
    let bad = GOOD
        .replace("numprocs=2", "numprocs=2\nstartsecs=soon\nstopsignal=NOPE")
        .replace(
            "[rpcinterface:cache]\nsupervisor.rpcinterface_factory=supervisor_cache.",
            "[rpcinterface:cache]\nsupervisor.rpcinterface_factory=nowhere.",
        )
        .replace("make_cache_controllerplugin", "make_tea")
        .replace("events=TICK_5,", "events=NEWS,")
        + "[ctlplugin:bare]\n";
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &bad, "json");
    let all = json(&output);
    assert_eq!(output.status, 2);
    let place = |error: &Value| format!("{} {} {}", error["section"], error["key"], error["line"]).replace('"', "");
    let errors: Vec<_> = all["errors"].as_array().into_iter().flatten().map(place).collect();
    assert_eq!(
        errors,
        [
            "program:web startsecs 24",
            "program:web stopsignal 25",
            "ctlplugin:bare null 35",
            "rpcinterface:cache null null",
            "eventlistener:ear null null",
            "ctlplugin:cache null null"
        ]
    );
    let output = check(&sandbox, &bad, "text");
    assert_eq!((output.status, output.stdout.as_str()), (2, ""));
    for text in [
        "'soon'",
        "line 25: stopsignal takes a signal",
        "nowhere",
        "make_tea",
        "NEWS in [eventlistener:ear] events, unless a plugin has it",
    ] {
        assert!(output.stderr.contains(text), "{text} is missing:\n{}", output.stderr);
    }
}

#[test]
fn what_plugins_bring_to_event_listeners_is_looked_up() {
    let with = |lines: &str| {
        GOOD.replace("events=TICK_5,PROCESS_LOG", lines)
            + "[rpcinterface:witness]\nsupervisor.rpcinterface_factory=witness_plugin:make_witness\n"
    };
    let output = check(
        &Sandbox::new(),
        &with("events=WITNESS_SAW\nresult_handler=supervisor_twiddler.resulthandler:stdin_write_handler"),
        "json",
    );
    assert_eq!(output.status, 0, "{output:?}");
    let output = check(&Sandbox::new(), &with("events=WITNESS_DREAMT\nresult_handler=nowhere:judge"), "json");
    assert_eq!(output.status, 2);
    let all = json(&output);
    let errors: Vec<_> = all["errors"].as_array().into_iter().flatten().collect();
    assert_eq!(errors[0]["message"], "Unknown event type WITNESS_DREAMT in [eventlistener:ear] events");
    let message = errors[1]["message"].as_str().unwrap();
    assert!(message.starts_with("nowhere:judge cannot be resolved within [eventlistener:ear]: "), "{message}");
    assert!(errors.len() == 2 && errors.iter().all(|error| error["section"] == "eventlistener:ear"), "{errors:?}");
}

#[test]
fn what_is_no_config_and_what_is_no_format() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, "nonsense\n", "json");
    assert_eq!(output.status, 2);
    assert_eq!(json(&output)["errors"].as_array().map(Vec::len), Some(1));
    let output = check(&sandbox, GOOD, "xml");
    assert_eq!(output.status, 2);
    assert!(output.stderr.starts_with("Error: invalid value for --check-config 'xml'"), "{}", output.stderr);
}

#[test]
fn slips_are_warnings() {
    let text = GOOD.replace("[program:web]", "[program:web]\ncomand=x");
    let output = check(&Sandbox::new(), &text, "json");
    assert_eq!(output.status, 0);
    let warning = json(&output)["warnings"][0].to_string();
    assert!(warning.contains("unknown key 'comand' in [program:web]"), "{warning}");
}

#[test]
fn a_key_that_a_whole_file_carries_is_one_warning() {
    let sandbox = Sandbox::new();
    let lines = "command=/bin/cat\nautostart=false\ndependent_startup=true\n";
    let programs = (1..=80).map(|n| format!("[program:p{n}]\n{lines}")).collect::<Vec<_>>().concat();
    let text = format!("{programs}{GOOD}[supervisorctl]\ndependent_startup=true\n");
    let output = check(&sandbox, &text, "json");
    let file = sandbox.join("supervisord.conf").display().to_string();
    let expected = format!("unknown key 'dependent_startup' in 81 sections, first in [program:p1] ({file}, line 4)");
    assert_eq!(json(&output)["warnings"], serde_json::json!([expected]));

    let config = (1..=80).fold(Config::new(), |config, n| config.program(&format!("p{n}"), lines));
    let supervisord = Supervisord::start(&config);
    assert_eq!(supervisord.log().matches("dependent_startup").count(), 1, "{}", supervisord.log());
    assert!(supervisord.log().contains("WARN unknown key 'dependent_startup' in 80 sections, first in [program:p1] ("));
}

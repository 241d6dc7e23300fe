//! `examples/stdout` in a running supervisord, under the config lines of the extension that it is modelled on; and the
//! lines of extensions that have no plugin.

use crate::{
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
    event_listeners::listener,
};

#[test]
fn what_programs_write_is_on_supervisords_stdout() {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    // As the Python listener of that name does.
    let echo = "def answer(n, headers):\n    return 'RESULT %d\\n%s' % (len(payload.encode()), payload)\n";
    sandbox.write("echo", echo);
    let config = Config::new()
        .program("web", "command=/bin/sh -c 'echo one; echo two >&2; sleep 1000'\nstartsecs=0")
        .section("program:web", "stdout_events_enabled=true\nstderr_events_enabled=true")
        .section("supervisord", "silent=true")
        .section("eventlistener:stdout", &listener::command("notes", Some("echo")))
        .section("eventlistener:stdout", "events=PROCESS_LOG\nresult_handler=supervisor_stdout:event_handler");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_until("both lines are there", || {
        let stdout = supervisord.sandbox.read("stdout.txt");
        let mut lines: Vec<_> = stdout.lines().collect();
        lines.sort_unstable();
        lines == ["web stderr | two", "web stdout | one"]
    });
}

#[test]
fn an_extension_in_python_is_called_that() {
    for (section, factory, instead) in [
        ("rpcinterface:multivisor", "multivisor.rpc:make_rpc_interface", "there is no native one yet"),
        ("rpcinterface:supvisors", "supvisors.plugin:make_supvisors_rpcinterface", "there is no native one"),
    ] {
        let key = "supervisor.rpcinterface_factory";
        let output = Supervisord::run(Kind::Ours, &Config::new().section(section, &format!("{key}={factory}")));
        let error = format!("'{factory}' is an extension in Python, and plugins here are native libraries: ");
        assert_eq!(output.status, 2, "{output:?}");
        assert!(output.stderr.contains(&error) && output.stderr.contains(instead), "{output:?}");
    }
    let factory = "supervisorwildcards.controllerplugin:make_wildcards_controllerplugin";
    let config = Config::new().section("ctlplugin:wildcards", &format!("supervisor.ctl_factory={factory}"));
    let supervisord = Supervisord::start(&config);
    let output = supervisord.ctl(&["mstart", "x"]);
    let said = output.stdout.clone() + &output.stderr;
    assert!(said.contains("supervisorctl takes patterns by itself"), "{output:?}");
}

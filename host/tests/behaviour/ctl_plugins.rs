//! Where supervisorctl has its plugins from, and what it does without one.

use std::process::Command;

use crate::common::{Config, Output, Sandbox, Supervisord, plugin_path};

fn output(command: &mut Command) -> Output {
    let output = command.output().expect("supervisorctl can be run");
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn supervisorctl(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_supervisorctl"));
    command.env("SUPERVISOR_PLUGIN_PATH", plugin_path());
    command
}

#[test]
fn a_config_file_that_is_found_has_plugins_for_any_server() {
    let supervisord = Supervisord::start_real(&Config::new());
    let url = format!("http://127.0.0.1:{}", supervisord.port);
    // The sandbox, where it runs, has a supervisord.conf.
    let mut command = supervisorctl(&supervisord.sandbox);
    assert_eq!(output(command.args(["-s", &url, "cache_count"])).text(), "0\n");
}

#[test]
fn plugins_in_an_included_file_count() {
    let config = Config::new().without("ctlplugin:cache").section("include", "files=more.conf");
    let supervisord = Supervisord::start_real(&config);
    let factory = "supervisor.ctl_factory=supervisor_cache.controllerplugin:make_cache_controllerplugin";
    supervisord.sandbox.write("more.conf", format!("[ctlplugin:cache]\n{factory}\n"));
    assert_eq!(supervisord.ctl(&["cache_count"]).text(), "0\n");
}

#[test]
fn a_plugin_that_is_missing_holds_up_nothing_else() {
    let config = Config::new().section("ctlplugin:nope", "supervisor.ctl_factory=no_such_plugin:make");
    let supervisord = Supervisord::start_real(&config.without("ctlplugin:cache"));
    assert_eq!(supervisord.ctl(&["version"]).text(), "4.3.0\n");
    let table = [
        ("help", "Error: [ctlplugin:nope] (", 0),
        ("nope_do", "Error: no command 'nope_do' without the plugin of [ctlplugin:nope] (", 1),
        ("help nope_do", "Error: no command 'nope_do' without the plugin of [ctlplugin:nope] (", 0),
    ];
    for (line, complaint, status) in table {
        let done = supervisord.ctl(&[line]);
        assert_eq!(done.status, status, "{line}");
        assert!(done.stderr.starts_with(complaint) && done.stderr.contains("libno_such_plugin.so"), "{done:?}");
        // One error, and nothing that puts the blame on who typed.
        assert!(done.stderr.lines().count() <= 2 && !done.stdout.contains("***"), "{done:?}");
    }
}

#[test]
fn a_shell_says_each_time_which_plugin_is_missing() {
    let config = Config::new().section("ctlplugin:nope", "supervisor.ctl_factory=no_such_plugin:make");
    let supervisord = Supervisord::start_real(&config.without("ctlplugin:cache"));
    let command = &mut supervisorctl(&supervisord.sandbox);
    let url = format!("http://127.0.0.1:{}", supervisord.port);
    command.args(["-s", &url]);
    supervisord.sandbox.write("lines", "nope_do\nnope_do\n");
    let lines = std::fs::File::open(supervisord.sandbox.join("lines")).expect("it was written");
    let done = output(command.stdin(lines));
    assert_eq!(done.stderr.matches("Error: no command 'nope_do'").count(), 2, "{done:?}");
    assert!(!done.stdout.contains("***"), "{done:?}");
}

#[test]
fn plugins_are_listed_with_how_they_were_used() {
    let supervisord = Supervisord::start(&Config::new());
    for line in ["cache_store foo bar", "cache_fetch foo", "cache_fetch nope"] {
        supervisord.ctl(&[line]);
    }
    let done = supervisord.ctl(&["plugins"]);
    let lines: Vec<&str> = done.text().lines().collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(lines[0], format!("supervisor-cache {version} (plugin API 1.0.0)"));
    assert!(lines[1].starts_with("    /") && lines[1].ends_with("/libsupervisor_cache.so"), "{lines:?}");
    assert!(lines[2].starts_with("    cache: calls 3, faults 1, panics 0, 0.") && lines[2].ends_with(" seconds"));
    assert_eq!(lines.len(), 3);
    let refused = supervisord.ctl(&["plugins", "x"]);
    assert!(refused.stdout.starts_with("Error: plugins accepts no arguments\nplugins\t"), "{refused:?}");
    // Over XML-RPC: beside the four methods of `system` that clients know.
    supervisord.doctest(
        "
         >>> [info] = s.plugins.getAllPluginInfo()
         >>> info['name'], info['namespaces'][0]['name'], info['calls'], info['faults'], info['panics']
         ('supervisor-cache', 'cache', 3, 1, 0)
         >>> info['path'].endswith('/libsupervisor_cache.so'), 0 < info['seconds'] < 60
         (True, True)
         >>> [name for name in s.system.listMethods() if name.split('.')[0] in ('system', 'plugins')]
         ['plugins.getAllPluginInfo', 'system.listMethods', 'system.methodHelp', 'system.methodSignature', 'system.multicall']
        ",
    );
}

#[test]
fn a_server_without_plugins_says_so() {
    let ours = Supervisord::start(&Config::new().without("rpcinterface:cache"));
    assert_eq!(ours.ctl(&["plugins"]).text(), "No plugins are loaded\n");
    let real = Supervisord::start_real(&Config::new());
    let done = real.ctl(&["plugins"]);
    assert_eq!((done.status, &*done.stdout), (3, "ERROR: this supervisord does not tell of its plugins\n"));
}

#[test]
fn an_extension_that_is_called_plugins_keeps_its_name() {
    let factory = "supervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface";
    let supervisord = Supervisord::start(&Config::new().section("rpcinterface:plugins", factory));
    supervisord.doctest(
        "
         >>> s.plugins.store('foo', 'bar'), s.plugins.getKeys()
         (True, ['foo'])
        ",
    );
    assert_eq!(supervisord.ctl(&["plugins"]).status, 3);
}

//! Where supervisorctl has its plugins from, and what it does without one.

mod common;

use std::process::Command;

use common::{Config, Output, Sandbox, Supervisord, plugin_path};

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
    for (words, status) in [(&["help"][..], 0), (&["nope_do"], 1)] {
        let done = supervisord.ctl(words);
        assert_eq!(done.status, status);
        assert!(done.stderr.starts_with("Error: [ctlplugin:nope] (") && done.stderr.contains("libno_such_plugin.so"));
        assert!(done.stderr.lines().count() <= 2, "{}", done.stderr);
    }
}

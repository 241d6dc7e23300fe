//! `examples/clients` against a running supervisord: all three say the same. And `examples/hello-plugin` under its
//! lines.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{Config, Peers, Supervisord};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/clients").join(name)
}

/// The client in shell, with the supervisorctl of this build.
fn shell_client(url: &str) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_supervisord")).parent().unwrap();
    let others = env::var_os("PATH").unwrap();
    let path = env::join_paths([binaries.to_owned()].into_iter().chain(env::split_paths(&others))).unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.arg(example("client.sh")).arg(url);
    shell.env("PATH", path).env("SUPERVISOR_PLUGIN_PATH", crate::common::plugin_path());
    shell
}

#[test]
fn clients_in_three_languages_see_the_same() {
    let config = Config::new().program("cat", "command=/bin/cat\nstartsecs=0");
    let supervisord = Supervisord::start(&config.program("idle", "command=/bin/cat\nautostart=false"));
    supervisord.wait_for_state("cat", "RUNNING");
    let url = format!("http://127.0.0.1:{}", supervisord.port);
    let binaries = Path::new(env!("CARGO_BIN_EXE_supervisord")).parent().unwrap();
    let mut shell = shell_client(&url);
    shell.arg(supervisord.config_file());
    let mut python = Command::new(Peers::get().program("python"));
    python.arg(example("client.py")).arg(&url);
    // Cargo has built it already, unless it was told to build this test alone.
    let mut rust = Command::new(env!("CARGO"));
    rust.args(["run", "--quiet", "--offline", "--package=supervisor-host", "--example=client", "--target-dir"]);
    rust.arg(binaries.parent().unwrap());
    if binaries.ends_with("release") {
        rust.arg("--release");
    }
    for client in [&mut shell, &mut python, rust.args(["--", &url])] {
        let output = client.output().unwrap();
        assert!(output.status.success(), "{client:?}: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, "cat is RUNNING\nidle is STOPPED\ndeployed is release 7\n", "{client:?}");
    }
}

#[test]
fn the_shell_client_says_where_its_commands_come_from() {
    let supervisord = Supervisord::start(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0"));
    supervisord.wait_for_state("cat", "RUNNING");
    let url = format!("http://127.0.0.1:{}", supervisord.port);
    let mut client = shell_client(&url);
    client.arg(supervisord.sandbox.write("without_plugins.conf", "[supervisorctl]\n"));
    let output = client.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "cat is RUNNING\n");
    let complaint = format!(
        "*** Unknown syntax: cache_store deployed release 7\n\
         this command is there by [ctlplugin:cache] of a config: sh client.sh {url} CONFIG\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), complaint);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_smallest_plugin_greets() {
    let factory = "supervisor.rpcinterface_factory = hello_plugin:make_hello_rpcinterface";
    let supervisord = Supervisord::start(&Config::new().section("rpcinterface:hello", factory));
    supervisord.doctest(
        "
        >>> s.hello.greet('world')
        'Hello, world!'
        >>> s.system.methodHelp('hello.greet').splitlines()[0]
        'Say hello.'
        ",
    );
}

//! Logs that are named as descriptors of supervisord's own, whoever it has become.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use crate::common::{Config, Kind, Running, Sandbox, command_of_shell, wait_until};

/// Names of descriptors, and the file of the sandbox that each is. The shell puts its pid for `PID`.
const NAMES: [(&str, &str); 15] = [
    ("/dev/stdout", "stdout.txt"),
    ("/dev/stderr", "stderr.txt"),
    ("/dev/fd/1", "stdout.txt"),
    ("/dev/fd/2", "stderr.txt"),
    ("/dev/fd/3", "three"),
    ("/proc/self/fd/1", "stdout.txt"),
    ("/proc/self/fd/2", "stderr.txt"),
    ("/proc/self/fd/3", "three"),
    ("/proc/PID/fd/1", "stdout.txt"),
    ("/proc/PID/fd/2", "stderr.txt"),
    ("/proc/PID/fd/3", "three"),
    ("/proc/PID/task/PID/fd/1", "stdout.txt"),
    ("/proc/thread-self/fd/2", "stderr.txt"),
    ("{here}/link", "stdout.txt"),
    ("{here}/link-to-link", "stdout.txt"),
];

#[test]
fn descriptors_of_ours_are_logs_for_whoever_we_are() {
    for activity_log in ["/dev/stdout", "/dev/fd/1", "/proc/PID/fd/1", "{here}/link", "/proc/self/fd/2"] {
        let sandbox = Sandbox::new();
        symlink("/dev/stdout", sandbox.join("link")).expect("a link in the sandbox");
        symlink("link", sandbox.join("link-to-link")).expect("a link in the sandbox");
        // Others may make the pidfile and the socket here; but what is open they may not open.
        fs::set_permissions(sandbox.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        let user = if nix::unistd::getuid().is_root() { "user=nobody\n" } else { "" };
        let mut config = Config::new()
            .without("rpcinterface:cache")
            .section("supervisord", &format!("{user}logfile={activity_log}\nlogfile_maxbytes=0"));
        let lines = "autorestart=false\nstartsecs=0\nstdout_logfile_maxbytes=1KB";
        for (index, (name, _)) in NAMES.iter().enumerate() {
            let program = format!("command=/bin/echo \"<{index}>\"\nstdout_logfile={name}\n{lines}");
            config = config.program(&format!("p{index}"), &program);
        }
        let script = "sed -i s/PID/$$/g supervisord.conf; umask 077; exec \"$@\" 3>>three";
        let _running = Running::start(command_of_shell(&sandbox, Kind::Ours, &config, script));
        for (index, (name, file)) in NAMES.iter().enumerate() {
            let is_there = || sandbox.read(file).lines().any(|line| line == format!("<{index}>"));
            wait_until(&format!("{name} has its line, and the activity log is {activity_log}"), is_there);
        }
        let log = sandbox.read("stdout.txt");
        // Where it is stdout itself there is no copy of it.
        assert_eq!(log.matches("supervisord started with pid").count(), 1, "{activity_log}: {log}");
        assert!(!log.contains("could not"), "{log}");
    }
}

#[test]
fn a_descriptor_of_ours_that_is_none_of_the_first_is_no_log() {
    let sandbox = Sandbox::new();
    let config = Config::new()
        .program("x", "command=/bin/echo x\nstdout_logfile=/dev/fd/4\nautorestart=false\nstartsecs=0")
        .section("program:x", "stderr_logfile=NONE");
    let _running = Running::start(command_of_shell(&sandbox, Kind::Ours, &config, "exec \"$@\" 3>>three 4>&-"));
    let expected = "ERRO could not open the stdout log of 'x', /dev/fd/4: supervisord was started without a \
                    descriptor 4; its output is lost";
    wait_until("the log says so", || sandbox.read("supervisord.log").contains(expected));
}

//! Variables of programs that come from files, and from their user.

use std::fs;

use crate::{
    check_config::check,
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
};

const SHOW: &str = "command=/usr/bin/env\nstartsecs=0\nautorestart=false";

/// The variables that a program has printed.
fn printed(supervisord: &Supervisord, program: &str) -> Vec<String> {
    supervisord.wait_for_state(program, "EXITED");
    let file = format!("{program}.out");
    // It is the last that is set.
    wait_until("all is printed", || supervisord.sandbox.read(&file).contains("LAST="));
    supervisord.sandbox.read(&file).lines().map(str::to_owned).collect()
}

#[test]
fn files_are_read_and_read_again() {
    let sandbox = Sandbox::new();
    sandbox.write("all.env", "# for all\nA=all\nB=all\nLAST=all\n");
    sandbox.write("own.env", "B='own\n# value'\nD=$A\n");
    let config = Config::new()
        .section("supervisord", "env_file=all.env")
        .program("own", &format!("{SHOW}\nenv_file=own.env,?none.env\nenvironment=C=\"%(ENV_D)s\",LAST=\"1\""))
        .section("eventlistener:ear", SHOW)
        .section(
            "eventlistener:ear",
            "events=TICK_60\nenv_file=own.env\nstderr_logfile=NONE\nstdout_logfile={here}/ear.out",
        )
        .section("fcgi-program:fast", SHOW)
        .section("fcgi-program:fast", "socket=unix://{here}/f.sock\nenv_file=own.env\nstdout_logfile={here}/fast.out");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    let lines = printed(&supervisord, "own");
    for line in ["A=all", "B=own", "# value", "C=$A", "D=$A", "LAST=1"] {
        assert!(lines.iter().any(|printed| printed == line), "{line}: {lines:?}");
    }
    for name in ["ear", "fast"] {
        assert!(printed(&supervisord, name).contains(&"D=$A".to_owned()), "{name}");
    }

    let reread = |text: &str| {
        supervisord.sandbox.write("own.env", text);
        supervisord.ctl(&["reread"])
    };
    let broken = reread("B=1\noops\n");
    assert!(broken.stdout.contains("/own.env, line 2: it is not KEY=VALUE"), "{broken:?}");
    assert!(!broken.stdout.contains("oops"), "{broken:?}");
    assert!(reread("B=new\nD=x\n").text().contains("own: changed"));
    let before = supervisord.sandbox.read("own.out").len();
    assert!(supervisord.ctl(&["update", "own"]).text().contains("own: updated process group"));
    wait_until("it has run again", || supervisord.sandbox.read("own.out")[before..].contains("LAST=1"));
    assert!(supervisord.sandbox.read("own.out")[before..].contains("B=new\n"));
}

#[test]
fn a_missing_file_is_an_error_with_its_place() {
    let sandbox = Sandbox::new();
    let text = "[supervisord]\n[program:x]\ncommand=x\nenv_file=none.env\n";
    let output = check(&sandbox, text, "text");
    assert_eq!(output.status, 2);
    let expected = format!("could not read env_file {}/none.env: No such file or directory", sandbox.here());
    assert!(output.stderr.contains(&expected) && output.stderr.contains("line 4: env_file"), "{output:?}");
    let shown = check(&sandbox, &text.replace("none", "?none"), "text");
    assert!(shown.text().contains(&format!("env_file = ?{}/none.env\n", sandbox.here())), "{shown:?}");
}

#[test]
fn the_environment_of_its_user_is_set_on_demand() {
    let passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
    // Who is not root can run programs as nobody else.
    let own = nix::unistd::getuid();
    let name =
        if own.is_root() { "nobody".to_owned() } else { nix::unistd::User::from_uid(own).unwrap().unwrap().name };
    let entry = passwd.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("its account");
    let fields: Vec<&str> = entry.split(':').collect();
    let config = Config::new()
        .section("supervisord", "environment=LAST=\"1\"")
        .program("plain", &format!("{SHOW}\nuser={name}"))
        .program("user", &format!("{SHOW}\nuser={name}\nuser_environment=true\nenvironment=SHELL=\"mine\""));
    let supervisord = Supervisord::start(&config);
    let lines = printed(&supervisord, "user");
    let (home, user, logname) = (format!("HOME={}", fields[5]), format!("USER={name}"), format!("LOGNAME={name}"));
    for line in [&home, &user, &logname, "SHELL=mine"] {
        assert!(lines.iter().any(|printed| printed == line), "{line}: {lines:?}");
    }
    if own.is_root() {
        assert!(!printed(&supervisord, "plain").contains(&user));
    }
}

//! `reread` and `update` over one config after the other: what Supervisor does, and nothing more.

use std::{collections::BTreeMap, fs};

use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};

const CAT: &str = "command=/bin/cat\nstartsecs=0";

fn write(supervisord: &Supervisord, config: &Config) {
    let text = config.render(supervisord.sandbox.here(), supervisord.port);
    fs::write(supervisord.config_file(), text).expect("the config can be written");
}

/// The processes with their pids.
fn pids(supervisord: &Supervisord) -> BTreeMap<String, i32> {
    let names = supervisord
        .python("for info in s.supervisor.getAllProcessInfo(): print(info['group'] + ':' + info['name'], info['pid'])");
    names
        .lines()
        .map(|line| {
            let (name, pid) = line.rsplit_once(' ').expect("a name and a pid");
            (name.to_owned(), pid.parse().expect("a pid"))
        })
        .collect()
}

/// What the two commands print after each change, and which processes have kept their pids.
fn story(supervisord: &Supervisord, configs: &[Config]) -> Vec<String> {
    let mut story = Vec::new();
    for (step, config) in configs.iter().enumerate() {
        let all_up = || pids(supervisord).values().all(|pid| *pid != 0);
        wait_until("everything runs", all_up);
        let before = pids(supervisord);
        write(supervisord, config);
        for command in ["reread", "update"] {
            let output = supervisord.ctl(&[command]);
            story.push(format!("{step} {command} {}\n{}{}", output.status, output.stdout, output.stderr));
        }
        wait_until("everything runs", all_up);
        let after = pids(supervisord);
        let kept = after.iter().map(|(name, pid)| (name, before.get(name) == Some(pid))).collect::<Vec<_>>();
        story.push(format!("{step} kept {kept:?}"));
    }
    story
}

#[test]
fn exactly_what_changed_is_changed() {
    let base = Config::new()
        .program("a", CAT)
        .program("b", CAT)
        .program("c", CAT)
        .program("d", CAT)
        .section("group:pair", "programs=a,b");
    let steps = [
        // Nothing.
        base.clone(),
        // Added, changed and removed at once; the order is that of priorities and names.
        base.clone()
            .program("c", "environment=X=\"1\"")
            .without("program:d")
            .program("zz", &format!("{CAT}\npriority=1"))
            .program("aa", CAT),
        base.clone(),
        // One of a group changes, and its whole group with it.
        base.clone().program("a", "stopwaitsecs=3"),
        base.clone(),
        // One moves out of its group.
        base.clone().section("group:pair", "programs=a"),
        // The group goes, and its programs stand by themselves.
        base.clone().without("group:pair"),
        // They become a group again.
        base.clone(),
        // More of one.
        base.clone().program(
            "c",
            "numprocs=3\nprocess_name=%(program_name)s_%(process_num)d\nstdout_logfile=NONE\nstderr_logfile=NONE",
        ),
        // The sections of supervisord itself are no group.
        base.clone().section("supervisord", "logfile_backups=3"),
        base.clone().section("supervisord", "environment=NEW=\"1\""),
    ];
    let [real, ours] = [Kind::Real, Kind::Ours].map(|kind| {
        let supervisord = Supervisord::start_in(Sandbox::new(), kind, &base).nudged();
        story(&supervisord, &steps)
    });
    for (real, ours) in real.iter().zip(&ours) {
        assert_eq!(ours, real);
    }
    assert_eq!(real.len(), ours.len());
}

#[test]
fn a_group_that_runs_is_not_removed_and_what_is_named_alone_is_updated() {
    let base = Config::new().program("a", CAT).program("b", CAT);
    let changed = base.clone().program("a", "stopwaitsecs=3").program("b", "stopwaitsecs=3").program("new", CAT);
    let [real, ours] = [Kind::Real, Kind::Ours].map(|kind| {
        let supervisord = Supervisord::start_in(Sandbox::new(), kind, &base);
        wait_until("both run", || pids(&supervisord).values().all(|pid| *pid != 0));
        write(&supervisord, &changed);
        let mut outputs = Vec::new();
        for line in ["update a", "reread", "add new", "add new", "remove b", "stop b", "remove b", "add b", "update"] {
            let output = supervisord.ctl(&line.split(' ').collect::<Vec<_>>());
            outputs.push(format!("{line}: {} {}{}", output.status, output.stdout, output.stderr));
        }
        outputs
    });
    assert_eq!(ours, real);
}

/// Writes a config with these lines at its end, and gives the fault that a reread ends in; nothing where there is none.
fn fault_of(supervisord: &Supervisord, lines: &str) -> String {
    let text = Config::new().render(supervisord.sandbox.here(), supervisord.port);
    fs::write(supervisord.config_file(), text + lines).expect("the config can be written");
    let said = supervisord.python(
        "
try: s.supervisor.reloadConfig()
except Fault as fault: print(fault.faultCode, fault.faultString)
",
    );
    said.trim_end().to_owned()
}

#[test]
fn what_a_config_names_and_is_not_there_is_a_fault() {
    let factory = |name: &str| format!("[rpcinterface:bad]\nsupervisor.rpcinterface_factory={name}\n");
    let listener =
        |name: &str| format!("[eventlistener:ear]\ncommand=/bin/cat\nevents=TICK_5\nresult_handler={name}\n");
    let mut cases = Vec::new();
    let names = ["no.such:thing", "nothing", "", "no:such:thing", ":x", "x:", "supervisor.rpcinterface:nope"];
    for name in names {
        cases.push((factory(name), format!("92 CANT_REREAD: {name} cannot be resolved within [rpcinterface:bad]")));
    }
    // A library that both have, without such a factory.
    let name = "supervisor_cache.rpcinterface:nope";
    cases.push((factory(name), format!("92 CANT_REREAD: {name} cannot be resolved within [rpcinterface:bad]")));
    for name in ["no.such:thing", "nothing", "", "supervisor.dispatchers:nope", "supervisor_cache.rpcinterface:nope"] {
        cases.push((listener(name), format!("92 CANT_REREAD: {name} cannot be resolved within [eventlistener:ear]")));
    }
    cases.push((
        listener("no.such:judge") + &factory("no.such:thing"),
        "92 CANT_REREAD: no.such:thing cannot be resolved within [rpcinterface:bad]".to_owned(),
    ));
    // What only supervisorctl reads, and what is there.
    cases.push(("[ctlplugin:bad]\nsupervisor.ctl_factory=no.such:thing\n".to_owned(), String::new()));
    cases.push((factory("supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface"), String::new()));
    cases.push((factory("supervisor.rpcinterface:make_main_rpcinterface") + "extra=1\n", String::new()));
    cases.push((listener("supervisor.dispatchers:default_handler"), String::new()));
    for supervisord in Supervisord::both(&Config::new()) {
        for (lines, expected) in &cases {
            assert_eq!(fault_of(&supervisord, lines), *expected, "{:?}: {lines}", supervisord.kind);
        }
        if supervisord.kind == Kind::Ours {
            // The log says why.
            supervisord.wait_for_log(
                "WARN no.such:thing cannot be resolved within [rpcinterface:bad]: no file libno.so for the plugin",
            );
            supervisord
                .wait_for_log("has no factory 'nope' for [rpcinterface:x] sections; it has make_cache_rpcinterface");
            // And it does not end of it.
            assert!(!fault_of(&supervisord, &factory("supervisor.rpcinterface:nope")).is_empty());
            let restart = supervisord.python(
                "
try: s.supervisor.restart()
except Fault as fault: print(fault.faultCode)
",
            );
            assert_eq!(restart, "92\n");
        }
    }
}

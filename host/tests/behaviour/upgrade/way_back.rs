//! A new supervisord that fails when it has been executed already: the one before gets the state back.

use super::Upgradable;
use crate::common::Config;

fn config() -> Config {
    Config::new().program("cat", "command=/bin/cat\nstartsecs=0").program(
        "lines",
        "command=/bin/sh -c 'i=0; while :; do i=$((i+1)); echo $i; done'\nstartsecs=0\nstdout_logfile_maxbytes=0",
    )
}

/// It goes back for that reason, and all goes on.
#[track_caller]
fn goes_back(supervisord: &Upgradable, reason: &str) {
    let before = supervisord.infos();
    let said = supervisord.refuses();
    assert!(said.contains(reason), "{said}");
    assert_eq!(supervisord.infos(), before);
    supervisord.wait_for_log(&format!("CRIT the supervisord that was to go on could not: {reason}"));
    supervisord.wait_for_log("CRIT went back to supervisord");
}

#[test]
fn a_plugin_that_refuses_its_options() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("lines", "RUNNING");
    supervisord.edit(|text| text.replace(":make_cache_rpcinterface", ":make_cache_rpcinterface\nno_such_option=1"));
    goes_back(&supervisord, "Could not make cache rpc interface");
    supervisord.edit(|text| text.replace("no_such_option=1", ""));
    supervisord.upgrade();
    let lines = supervisord.sandbox.read("lines.out");
    let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for (index, line) in whole.lines().enumerate() {
        assert_eq!(line, (index + 1).to_string(), "each number once and in order");
    }
}

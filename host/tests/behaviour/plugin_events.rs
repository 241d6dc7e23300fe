//! What plugins hear, what they say, and what they judge, in a running supervisord.

use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};
use nix::sys::signal::Signal;

/// An event listener that notes each event in `heard`, and answers with what stands in `answer`; of itself with `OK`.
const LISTENER: &str = r#"
while echo READY; read -r header; do
    len=${header##*len:}; payload=$(head -c "$len"); type=${header##*eventname:}
    printf '%s|%s\n' "${type%% *}" "$payload" >> "$HERE/heard"
    case $payload in *processname:ear*) answer=OK ;; *) answer=$(cat "$HERE/answer"; echo .); answer=${answer%.} ;; esac
    printf 'RESULT %s\n%s' "${#answer}" "$answer"
done
"#;

fn with_witness() -> Config {
    Config::new()
        .section("supervisord", "plugin_data_dir={here}/data\nenvironment=HERE=\"{here}\"")
        .section("rpcinterface:witness", "supervisor.rpcinterface_factory=witness_plugin:make_witness")
}

fn listener(sandbox: &Sandbox, config: Config, answer: &str, lines: &str) -> Config {
    sandbox.write("listener.sh", LISTENER);
    sandbox.write("answer", answer);
    config.section("eventlistener:ear", "command=/bin/sh {here}/listener.sh").section("eventlistener:ear", lines)
}

fn start(answer: &str, lines: &str, more: impl FnOnce(Config) -> Config) -> Supervisord {
    let sandbox = Sandbox::new();
    let config = more(listener(&sandbox, with_witness(), answer, lines));
    Supervisord::start_in(sandbox, Kind::Ours, &config)
}

#[test]
fn a_plugin_hears_of_start_events_and_end() {
    let mut supervisord = Supervisord::start(
        &with_witness().program("short", "command=/bin/true\nautorestart=false\nstartsecs=0\nautostart=false"),
    );
    supervisord.wait_for_log("INFO witness: it has begun, RUNNING");
    supervisord.wait_for_log("INFO witness: SUPERVISOR_STATE_CHANGE_RUNNING");
    supervisord.call("supervisor.startProcess", &["short"]);
    supervisord.wait_for_log("INFO witness: PROCESS_STATE_EXITED short");
    supervisord.wait_for_log("INFO witness: it said process:short");
    supervisord.doctest(
        "
        >>> who = s.witness.who()
        >>> who[:2], who[2] == str(s.supervisor.getPID()), who[3] == HERE + '/data/witness'
        (['supervisor', 'witness'], True, True)
        >>> import os; oct(os.stat(who[3]).st_mode & 0o777)
        '0o700'
        >>> fault(s.witness.say, 'WITNESS', 'x')
        3 BAD_ARGUMENTS: WITNESS is not among the events that this plugin lists with its factory: WITNESS_SAW, WITNESS_SAID
        >>> [name for name in s.system.listMethods() if name.startswith('witness.')]
        ['witness.say', 'witness.upgrades', 'witness.who']
        >>> fault(s.witness._shutdown), fault(s.witness._upgrade)
        1 UNKNOWN_METHOD
        1 UNKNOWN_METHOD
        (None, None)
        ",
    );
    supervisord.signal(Signal::SIGTERM);
    assert!(supervisord.wait().success());
    assert_eq!(supervisord.sandbox.read("data/witness/end"), "it has ended");
    assert!(supervisord.log().contains("witness: SUPERVISOR_STATE_CHANGE_STOPPING"));
}

#[test]
fn event_listeners_hear_what_plugins_say() {
    let supervisord = start("OK", "events=WITNESS_SAID", |config| config);
    supervisord.wait_for_state("ear", "RUNNING");
    supervisord.call("witness.say", &["WITNESS_SAID", "hello:there"]);
    wait_until("it is heard", || supervisord.sandbox.read("heard") == "WITNESS_SAID|hello:there\n");
}

#[test]
fn event_listeners_hear_of_changes_of_the_cache() {
    for store in ["store=memory", "store=file\nfile={here}/kept"] {
        let supervisord = start("OK", "events=CACHE", |config| config.section("rpcinterface:cache", store));
        supervisord.wait_for_state("ear", "RUNNING");
        supervisord.doctest(
            "
            >>> s.cache.store('foo bar', 'the value'), s.cache.storeFor('soon', 'gone', 0.3)
            (True, True)
            >>> s.cache.storeMany({'a:1': 1, 'b': 2}), s.cache.delete('b'), s.cache.delete('b')
            (True, True, True)
            >>> s.cache.wait('soon', 'gone', 30)['changed'], s.cache.clear()
            (True, True)
            ",
        );
        let expected = "CACHE_STORE|key:foo%20bar\nCACHE_STORE|key:soon\nCACHE_STORE|key:a%3A1\nCACHE_STORE|key:b\n\
                        CACHE_DELETE|key:b\nCACHE_EXPIRE|key:soon\nCACHE_CLEAR|\n";
        wait_until("all is heard", || supervisord.sandbox.read("heard").ends_with("CACHE_CLEAR|\n"));
        assert_eq!(supervisord.sandbox.read("heard"), expected, "{store}");
    }
}

#[test]
fn an_event_listener_hears_of_the_changes_that_it_asks_for() {
    let supervisord = start("OK", "events=CACHE_DELETE", |config| config);
    supervisord.wait_for_state("ear", "RUNNING");
    supervisord.call("cache.store", &["k", "v"]);
    supervisord.call("cache.delete", &["k"]);
    wait_until("it is heard", || supervisord.sandbox.read("heard") == "CACHE_DELETE|key:k\n");
}

#[test]
fn a_type_of_nobody_ends_the_start() {
    let refused = |config: &Config| {
        let output = Supervisord::run(Kind::Ours, config);
        assert_eq!(output.status, 2);
        output.stderr
    };
    let sandbox = Sandbox::new();
    let stderr = refused(&listener(&sandbox, with_witness(), "OK", "events=WITNESS_SANG"));
    assert!(stderr.contains("Error: Unknown event type WITNESS_SANG in [eventlistener:ear] events"), "{stderr}");
    let impostor = "supervisor.rpcinterface_factory=witness_plugin:make_impostor";
    let stderr = refused(&with_witness().section("rpcinterface:witness", impostor));
    assert!(stderr.contains("\"PROCESS_STATE_SAD\" is not a type of events that a plugin can have"), "{stderr}");
    let lines = "events=TICK_5\nresult_handler=supervisor_twiddler.resulthandler:nope";
    let stderr = refused(&listener(&sandbox, with_witness(), "OK", lines));
    assert!(stderr.contains("nope cannot be resolved within [eventlistener:ear]: "), "{stderr}");
}

#[test]
fn the_twiddlers_handler_writes_to_the_process_that_the_event_is_about() {
    let handler = "result_handler=supervisor_twiddler.resulthandler:stdin_write_handler";
    let lines = format!("events=PROCESS_STATE_RUNNING,WITNESS_SAID\n{handler}");
    let asks = "command=/bin/sh -c 'read -r a; echo got $a'\nstdout_logfile={here}/asks.out\nautorestart=false";
    let supervisord = start("STDIN:hello\n", &lines, |config| config.program("asks", asks));
    wait_until("the process reads the answer", || supervisord.sandbox.read("asks.out") == "got hello\n");
    assert!(supervisord.sandbox.read("heard").contains("PROCESS_STATE_RUNNING|processname:asks groupname:asks"));
}

#[test]
fn the_twiddlers_handler_answers_what_a_program_tells() {
    let handler = "result_handler=supervisor_twiddler.resulthandler:stdin_write_handler";
    let lines = format!("events=PROCESS_COMMUNICATION\n{handler}");
    let tells = "command=/bin/sh -c \"printf '<!--XSUPERVISOR:BEGIN-->who am I?<!--XSUPERVISOR:END-->'; read -r a; echo \
                 got $a\"\nstdout_logfile={here}/tells.out\nstdout_capture_maxbytes=1KB\nautorestart=false\nautostart=false\nstartsecs=0";
    let supervisord = start("STDIN:a program\n", &lines, |config| config.program("tells", tells));
    supervisord.wait_for_state("ear", "RUNNING");
    supervisord.call("supervisor.startProcess", &["tells"]);
    wait_until("the process reads the answer", || supervisord.sandbox.read("tells.out") == "got a program\n");
    let heard = supervisord.sandbox.read("heard");
    let payload = heard.strip_prefix("PROCESS_COMMUNICATION_STDOUT|processname:tells groupname:tells pid:");
    assert!(payload.is_some_and(|payload| payload.ends_with("\nwho am I?\n")), "{heard}");
    supervisord.doctest(
        "
        >>> [handler] = [it for info in s.plugins.getAllPluginInfo() for it in info['result_handlers']]
        >>> handler['name'], handler['calls'], handler['faults'], handler['panics']
        ('supervisor_twiddler.resulthandler:stdin_write_handler', 1, 0, 0)
        ",
    );
    let listed = supervisord.ctl(&["plugins"]);
    let listed = listed.text();
    assert!(
        listed.contains("    supervisor_twiddler.resulthandler:stdin_write_handler: calls 1, faults 0, "),
        "{listed}"
    );
}

#[test]
fn an_answer_that_the_handler_does_not_know_rejects_the_event() {
    let lines = "events=WITNESS_SAID\nresult_handler=supervisor_twiddler.resulthandler:stdin_write_handler";
    let supervisord = start("NO", lines, |config| config);
    supervisord.call("witness.say", &["WITNESS_SAID", "again:and:again"]);
    supervisord.wait_for_log("WARN ear: event was rejected");
    wait_until("it is sent again", || supervisord.sandbox.read("heard").lines().count() > 2);
}

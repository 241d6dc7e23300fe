//! How lines are read, wherever they come from, and what is said where there is no server to talk to.

use super::{Comparison, TOPICS, config, helps, start};
use crate::common::{Config, wait_until};

#[test]
fn splitting_of_command_lines() {
    let supervisord = start(&config());
    let mut comparison = Comparison::new(&supervisord);
    let stories: [&[&[&str]]; 13] = [
        &[&["tail -3", "gone"]],
        &[&["status", "cat gone"]],
        &[&["status cat"]],
        &[&["status", "cat gone", "nope"]],
        &[&["tail", "\"gone\""]],
        &[&["cache_store", "foo", "\"bar baz\""], &["cache_fetch", "foo"], &["cache_clear"]],
        &[&["cache_store", "foo", "'bar baz'"], &["cache_fetch foo"], &["cache_clear"]],
        &[&["cache_store foo 'bar baz'"], &["cache_fetch", "'foo'"], &["cache_clear"]],
        &[&["cache_store", "foo", "bar\\ baz"], &["cache_fetch", "foo"], &["cache_clear"]],
        &[&["cache_store", "foo", "a\\nb"], &["cache_fetch", "foo"], &["cache_clear"]],
        &[&["cache_store", "foo", "it's"], &["cache_fetch", "foo"]],
        &[&["cache_store", "foo"], &["cache_store", "a", "b", "c"], &["cache_keys", "x"], &["cache_store", "a", ""]],
        &[&["cache_count"], &["cache_delete", "nope"], &["cache_clear"], &["cache_count"]],
    ];
    for story in stories {
        comparison.story(story);
    }
    // What Supervisor tears apart.
    drop(comparison);
    supervisord.ctl(&["cache_store", "é ü", "a  b"]).text();
    assert_eq!(supervisord.ctl(&["cache_keys"]).text(), "['é ü']\n");
    assert_eq!(supervisord.ctl(&["cache_fetch", "é ü"]).text(), "'a  b'\n");
}

#[test]
fn a_server_that_is_not_there() {
    let supervisord = start(&config());
    let mut comparison = Comparison::new(&supervisord);
    let commands = "status pid start+cat avail reread update add+x remove+x reload shutdown version tail+x maintail \
                    cache_keys cache_store+a+b clear+all fg+x restart+x signal+HUP+x open+unix:///x";
    for url in ["http://localhost:1", "unix:///nope/x"] {
        for command in commands.split_whitespace() {
            let words: Vec<&str> = ["-s", url].into_iter().chain(command.split('+')).collect();
            comparison.story(&[&words]);
        }
    }
}

#[test]
fn a_server_that_wants_a_password() {
    let config = config().password("user", "123");
    let supervisord = start(&config);
    let mut comparison = Comparison::new(&supervisord);
    let commands = "status pid version avail reread update add+x remove+x reload shutdown start+cat stop+all restart+cat \
                    signal+HUP+cat clear+all tail+cat tail+-f+cat maintail maintail+-f fg+cat open+foo help+stop \
                    cache_keys cache_store+a+b";
    for options in [&["-p", "wrong"][..], &["-u", "üser"]] {
        for command in commands.split_whitespace() {
            let words: Vec<&str> = options.iter().copied().chain(command.split('+')).collect();
            comparison.story(&[&words]);
        }
    }
    comparison.story(&[&["-u", "user", "-p123", "pid", "manual"], &["pid", "manual"]]);
}

#[test]
fn a_server_that_shuts_down() {
    let slow = "command=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\nstartsecs=0\nstopwaitsecs=600";
    let supervisord = start(&config().program("slow", slow));
    supervisord.real_ctl(&["shutdown"]).text();
    wait_until("it shuts down", || !supervisord.real_ctl(&["avail"]).stdout.contains("in use"));
    let mut comparison = Comparison::new(&supervisord);
    comparison.stories(
        "status
        pid
        pid cat
        version
        avail
        reread
        update
        update cat
        add cat
        remove cat
        reload
        shutdown
        start cat
        start all
        start num:*
        stop cat
        stop all
        restart cat
        signal HUP cat
        clear cat
        clear all
        tail cat
        tail -f cat nope
        maintail
        fg cat
        open foo
        cache_keys
        cache_store a b",
    );
    comparison.shell(&[], "status\nshutdown\ny\nquit\n");
}

#[test]
fn a_script_hears_nothing_of_unknown_keys() {
    let supervisord = start(&Config::new().section("supervisorctl", "colour=blue"));
    Comparison::new(&supervisord).stories("version\nstatus");
}

#[test]
fn command_lines_that_are_wrong() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "-x
        --server
        --s=4
        --in=4
        -s foo
        -s http://
        -i -i
        -u a --username b
        -c /nope
        -c
        --u
        -i pid manual",
    );
}

#[test]
fn the_shell_from_a_pipe() {
    let supervisord = start(&config());
    let mut comparison = Comparison::new(&supervisord);
    for input in [
        "",
        "help\n",
        "pid manual\nquit\nversion\n",
        "status cat\n\n  \nexit\n",
        "shutdown\nn\n",
        "reload\n\nversion",
        "bad thing\nversion",
        "cache_store foo 'bar baz'\ncache_fetch foo\ncache_fetch nope\ncache_clear\n",
        "open http://localhost:1\nversion\n",
        "pid nope\nstart\nstop nope\n",
        "status manual\nEOF\nversion\n",
        "?\n? quit\n  version  \n",
        "open unix:///nope\nstatus\n",
        "maintail -x\ntail -f nope\n",
        "fg\nfg manual\n",
        "shutdown\nNo\nreload\nN\nquit x\n",
        "help\thelp\n",
        "exit",
    ] {
        comparison.shell(&[], input);
    }
    comparison.shell(&["-i", "shutdown"], "n\n");
}

#[test]
fn helps_have_the_same_columns() {
    let supervisord = start(&Config::new());
    let is_new = |line: &&str| {
        let new =
            ["<pattern>", "--rolling", "--dry-run", "once it is RUNNING", "--lines", "--verbose", "-f <name> <name>"];
        new.iter().any(|new| line.contains(new))
    };
    let columns = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| !is_new(line))
            .filter_map(|line| line.rfind('\t').map(|tab| line[..=tab].to_owned()));
        lines.collect()
    };
    let helps = helps(&supervisord);
    assert_eq!(helps.len(), TOPICS.split_whitespace().count());
    for (real, ours) in helps {
        assert_eq!(columns(ours), columns(real));
    }
}

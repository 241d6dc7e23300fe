//! The same command lines to Supervisor's supervisorctl and to ours: the same stdout, stderr and exit status.
//!
//! What differs on purpose stands in [`ON_PURPOSE`] with its reason, and nothing else may differ. Help texts are our
//! own words in Supervisor's columns, so they are compared by their columns.

use std::sync::{Once, OnceLock};

use crate::common::{Config, Kind, Output, Supervisord, wait_until};

/// Lines that only one of the two prints, and why.
const ON_PURPOSE: [(&str, &str); 7] = [
    (
        PLUGIN_COMMANDS,
        "`plugins` is new; it stands below a heading of its own, and all that Supervisor lists around it",
    ),
    ("error: …", "an error is a line for people; Supervisor's names a Python class, a file and a line"),
    ("*** No help on …", "Supervisor says it once for each plugin that has no such topic, although another has"),
    ("Server requires authentication", "Supervisor prints a Python error line after it"),
    ("Really …? y/N? ", "the end of the input is a no; Supervisor prints a Python error line, which is a no too"),
    ("*** What was typed is not UTF-8, and is forgotten", "Supervisor runs the line, in which no name can be meant"),
    ("Error: cannot write to stdout: …", "Supervisor prints a Python trace; the exit status is the same"),
];

/// What is in the list of `help` besides.
const PLUGIN_COMMANDS: &str =
    "\nplugin commands (type help <topic>):\n====================================\nplugins\n\n";

/// Whatever `help` knows.
const TOPICS: &str = "add avail clear exit fg maintail open pid quit reload remove reread restart shutdown signal start \
                      status stop tail update version help cache_clear cache_count cache_delete cache_fetch \
                      cache_keys cache_store";

/// Programs in every state that lasts.
fn config() -> Config {
    Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("manual", "command=/bin/cat\nautostart=false\nstartsecs=0")
        .program("gone", "command=/bin/sh -c \"echo out; echo err >&2; exit 3\"\nautorestart=false\nstartsecs=0")
        .program("fatal", "command=/nonexistent/x\nstartretries=0")
        .program("quick", "command=/bin/false\nstartretries=0\nstartsecs=1")
        .program("num", "command=/bin/cat\nprocess_name=num_%(process_num)d\nnumprocs=3\nstartsecs=0\npriority=5")
        .program("silent", "command=/bin/cat\nstdout_logfile=NONE\nstderr_logfile=NONE\nautostart=false")
}

fn start(config: &Config) -> Supervisord {
    let supervisord = Supervisord::start_real(config).nudged();
    wait_until("the programs have come to rest", || {
        let status = supervisord.real_ctl(&["status"]).stdout;
        !status.contains("STARTING") && !status.contains("BACKOFF")
    });
    supervisord
}

/// Both helps on each topic, Supervisor's without the complaints of other plugins.
fn helps(supervisord: &Supervisord) -> &'static [(String, String)] {
    static HELPS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    HELPS.get_or_init(|| {
        let questions = format!("help {}\n", TOPICS.split_whitespace().collect::<Vec<_>>().join("\nhelp "));
        let answers = |kind| -> Vec<String> {
            let text = supervisord.ctl_with_input(kind, &[], &questions).stdout;
            let answers = text.split("supervisor> ").skip(1).map(|answer| {
                let lines = answer.split_inclusive('\n');
                lines.filter(|line| !line.starts_with("*** No help on ")).collect()
            });
            answers.collect()
        };
        answers(Kind::Real).into_iter().zip(answers(Kind::Ours)).filter(|(help, _)| help != "\n").collect()
    })
}

/// A line without what is another in each run, or with each of the two programs.
fn unlike(line: &str) -> String {
    if let Some(at) = line.find("error: ") {
        return format!("{}error: …", &line[..at]);
    }
    if let Some((program, _)) = line.strip_prefix("For help, use ").and_then(|rest| rest.rsplit_once(' ')) {
        return line.replace(program, "PROG");
    }
    // `Nov 21 05:10 PM`, which the other of the two may have said a minute later.
    if line.ends_with(" AM") || line.ends_with(" PM") {
        let when = "Mmm dd hh:mm PM".len();
        return format!("{}…", &line[..line.len().saturating_sub(when)]);
    }
    let mut line = line.to_owned();
    for (before, after) in [("uptime ", '\n'), ("pid ", ',')] {
        let Some(start) = line.find(before).map(|at| at + before.len()) else { continue };
        let end = line[start..].find(after).map_or(line.len(), |at| start + at);
        line.replace_range(start..end, "…");
    }
    line
}

/// Compares stories: lines that are run one after the other and leave everything as it was.
struct Comparison<'a> {
    supervisord: &'a Supervisord,
    /// By command, both helps.
    helps: &'static [(String, String)],
    differences: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn new(supervisord: &'a Supervisord) -> Self {
        Self { supervisord, helps: helps(supervisord), differences: Vec::new() }
    }

    fn run(&self, kind: Kind, words: &[&str], input: &str) -> Output {
        let output = self.supervisord.ctl_with_input(kind, words, input);
        Output { stdout: self.plain(&output.stdout), stderr: self.plain(&output.stderr), ..output }
    }

    /// The text without what changes from run to run, and without what differs on purpose.
    fn plain(&self, text: &str) -> String {
        let mut text = text.replace(PLUGIN_COMMANDS, "");
        for (real, ours) in self.helps {
            text = text.replace(real, "<help>\n").replace(ours, "<help>\n");
        }
        let mut lines: Vec<String> = text.split('\n').map(unlike).collect();
        // A topic that is not there is named once, and one that is there not at all.
        lines.dedup_by(|line, before| {
            line.starts_with("*** No help on ") && (line == before || before.ends_with("<help>"))
        });
        if lines.first().is_some_and(|line| line == "Server requires authentication") {
            lines.retain(|line| line != "error: …");
        }
        // Processes of a group stop in whatever order they do.
        for done in [": stopped", ": started"] {
            lines.chunk_by_mut(|one, other| one.ends_with(done) && other.ends_with(done)).for_each(<[_]>::sort);
        }
        lines.join("\n")
    }

    /// One story: the real one runs all of it, then ours does.
    fn story(&mut self, lines: &[&[&str]]) {
        let play = |kind| -> Vec<Output> { lines.iter().map(|words| self.run(kind, words, "")).collect() };
        let (real, ours) = (play(Kind::Real), play(Kind::Ours));
        for ((words, real), ours) in lines.iter().zip(real).zip(ours) {
            self.compare(&format!("{words:?}"), &real, &ours);
        }
    }

    /// Each line is split at blanks and is a story by itself; `;` stands between lines that belong together.
    fn stories(&mut self, stories: &str) {
        for story in stories.lines().map(str::trim).filter(|story| !story.is_empty()) {
            let lines: Vec<Vec<&str>> = story.split(';').map(|line| line.split_whitespace().collect()).collect();
            let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
            self.story(&lines);
        }
    }

    fn shell(&mut self, words: &[&str], input: &str) {
        let (real, ours) = (self.run(Kind::Real, words, input), self.run(Kind::Ours, words, input));
        self.compare(&format!("{words:?} with input {input:?}"), &real, &ours);
    }

    fn compare(&mut self, what: &str, real: &Output, ours: &Output) {
        if real != ours {
            self.differences.push(format!("{what}\n  real: {real:?}\n  ours: {ours:?}"));
        }
    }
}

/// The table is printed once, not for each test.
static TABLE: Once = Once::new();

impl Drop for Comparison<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        TABLE.call_once(|| {
            for (line, reason) in ON_PURPOSE {
                println!("differs on purpose: {line:?}: {reason}");
            }
        });
        assert!(self.differences.is_empty(), "{}", self.differences.join("\n"));
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of lines")]
fn what_is_said_of_processes() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "status
        status *
        status CAT
        status num:* cat
        status all nope
        status nope all
        status cat:*
        status cat:cat
        status : :*
        status num:num_0 num:num_0
        pid
        pid cat
        pid all
        pid all nope
        pid num:num_0
        pid num:*
        pid num
        pid gone
        pid fatal
        pid cat manual
        avail all
        fg num:*
        fg num
        fg gone
        fg fatal
        fg cat:cat x
        tail num:num_0
        tail num:*
        tail num
        tail gone stdin
        tail gone stdout
        tail gone stdout x
        tail -3 gone stderr
        tail -0 gone stderr
        tail -1000000 gone
        tail -99999999999 gone
        tail silent stderr
        tail fatal
        tail -f
        tail -f gone stdin
        tail -f fatal
        tail -f silent
        tail -fx gone
        maintail -
        maintail -0x
        maintail -f x
        maintail -30
        maintail -0
        maintail
        status cat
        status cat gone nope
        status num:*
        status num:
        status nope:*
        status num:num_1 num:num_9
        status all
        pid manual
        pid nope
        pid manual nope cat
        avail
        avail x
        fg
        fg a b
        fg nope
        fg manual
        tail
        tail -
        tail cat x
        tail gone
        tail gone stderr
        tail gone STDERR
        tail -3 gone
        tail -0 gone
        tail --3 gone
        tail -1_0 gone
        tail silent
        tail nope
        tail -5
        tail -x gone
        tail a b c d
        tail -f a b c
        tail -f nope
        tail -f nope stderr
        maintail -x
        maintail x
        maintail a b
        version
        version x
        foo
        foo bar
        start-all
        !x
        quit
        exit
        quit x
        EOF
        help
        help help
        help EOF
        help nope x
        help  stop
        help stop start
        help stop:*
        help all
        ? nope
        ?stop
        EOF x
        exit 1
        status,
        sta
        STATUS
        open http://
        open HTTP://localhost:1
        open http://localhost:1 x
        open unix:
        help start
        ? stop
        ?
        open
        open foo
        open ftp://x
        open unix:///nope
        open http://localhost:1",
    );
}

#[test]
fn processes_are_started() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "start
        start num
        start : nope
        start nope fatal
        start quick:* ; status quick
        start manual:* ; stop manual:* ; start manual:manual num:num_0 ; stop manual cat ; start cat
        start nope
        start nope:*
        start cat
        start fatal
        start quick
        start cat nope fatal
        start nope:* cat
        start manual ; start manual ; status manual ; stop manual ; stop manual",
    );
}

#[test]
fn processes_are_stopped() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "stop num ; start num:*
        stop fatal
        stop fatal:*
        stop gone nope
        stop cat:* ; stop cat:* nope:* cat ; start cat
        stop all nope ; start cat num:*
        stop
        stop nope
        stop nope:*
        stop num:* ; stop num:* ; start num:* ; start num:*
        stop num:num_1 ; start num:num_1
        stop all ; stop all ; start cat ; start num:*",
    );
}

#[test]
fn processes_are_restarted() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "restart num
        restart fatal
        restart manual ; stop manual
        restart nope:*
        restart cat nope manual ; stop manual
        restart
        restart nope
        restart cat
        restart num:*
        restart num:num_0 cat",
    );
}

#[test]
fn processes_are_signalled_and_cleared() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "signal cont cat
        signal SIGCONT cat
        signal 18 cat
        signal 99 cat
        signal -1 cat
        signal CONT num
        signal CONT all nope
        signal CONT manual:*
        signal CONT fatal
        signal NOPE all
        signal NOPE nope
        signal NOPE num:*
        clear manual
        clear gone
        clear silent
        clear num:num_0
        clear num
        clear all nope
        signal
        signal HUP
        signal NOPE cat
        signal USR1 manual
        signal 0 cat
        signal CONT num:*
        signal CONT nope:*
        signal CONT all
        signal CONT cat nope manual
        clear
        clear cat
        clear num:*
        clear nope cat
        clear all
        reload x
        shutdown x",
    );
}

#[test]
fn what_is_done_to_the_configuration() {
    let supervisord = start(&config());
    let mut comparison = Comparison::new(&supervisord);
    comparison.stories(
        "reread
        update nope
        update nope nope
        update num nope
        add num
        add cat nope
        add all
        remove all
        remove num:*
        remove manual ; status manual ; avail ; add manual
        stop num:* ; remove num ; avail ; status num:* ; start num:* ; pid num:num_0 ; add num ; start num:*
        reread x
        update
        update nope cat
        update all
        add
        add cat
        add nope
        remove
        remove cat
        remove nope
        stop cat ; remove cat ; status cat ; add cat ; add cat
        stop num:* ; remove num nope ; reread ; update num ; status num:*",
    );
    let file = supervisord.config_file().to_owned();
    let before = std::fs::read_to_string(&file).expect("the config is there");
    let changed = before.replace("[program:manual]", "[program:other]").replace("startretries=0", "startretries=1");
    std::fs::write(&file, &changed).expect("the config can be written");
    comparison.stories("reread ; reread");
    // What one has updated, there is no more for the other to update: each starts from the same.
    let update = |kind, text: &str| {
        std::fs::write(&file, text).expect("the config can be written");
        supervisord.ctl_with_input(kind, &["update"], "")
    };
    let there = [update(Kind::Real, &changed), update(Kind::Real, &before)];
    assert_eq!([update(Kind::Ours, &changed), update(Kind::Ours, &before)], there);
    std::fs::write(&file, format!("{before}\n[program:broken]\n")).expect("the config can be written");
    comparison.stories("reread ; update");
}

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
fn what_is_done_to_all() {
    // None ends at once, because what is said of such a one depends on who is faster; and none has a name beyond ASCII,
    // because Supervisor then cuts off its answer.
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("manual", "command=/bin/cat\nautostart=false\nstartsecs=0")
        .program("fatal", "command=/nonexistent/x\nstartretries=0")
        .program("num", "command=/bin/cat\nprocess_name=num_%(process_num)d\nnumprocs=3\nstartsecs=0\npriority=5");
    let supervisord = start(&config);
    Comparison::new(&supervisord).stories(
        "start all ; stop manual
        start nope all ; start all ; stop manual
        stop all ; stop all ; stop all nope ; status all ; pid all ; start all ; stop manual
        restart all ; restart nope all ; stop manual
        stop all ; signal CONT all ; clear all ; restart all ; stop manual",
    );
}

#[test]
fn names_of_every_kind() {
    let config = Config::new()
        .program("café", "command=/bin/cat\nstartsecs=0")
        .program("50%", "command=/bin/cat\nstartsecs=0\nautostart=false\nstdout_logfile=NONE\nstderr_logfile=NONE")
        .program("a-b.c", "command=/bin/cat\nstartsecs=0\nprocess_name=日本")
        .program("a_name_that_is_longer_than_the_column_of_names", "command=/bin/cat\nstartsecs=0");
    let supervisord = start(&config);
    Comparison::new(&supervisord).stories(
        "status
        status café 50%
        status a-b.c:*
        status a-b.c:日本 a-b.c:nö
        avail
        pid 50%
        pid café50%
        start 50% ; status 50% ; stop 50%
        stop café a-b.c:* ; start café a-b.c:日本
        restart a-b.c:*
        signal CONT café
        signal CÖNT café
        clear café 50%
        tail café
        tail a-b.c:日本
        tail -f nö
        tail café stdöut
        fg 50%
        remove café
        add café
        update nö
        käse
        help käse",
    );
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
    let columns = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.rfind('\t').map(|tab| line[..=tab].to_owned()));
        lines.collect()
    };
    let helps = helps(&supervisord);
    assert_eq!(helps.len(), TOPICS.split_whitespace().count());
    for (real, ours) in helps {
        assert_eq!(columns(ours), columns(real));
    }
}

//! The same command lines to Supervisor's supervisorctl and to ours: the same stdout, stderr and exit status.
//!
//! What differs on purpose stands in [`ON_PURPOSE`] with its reason, and nothing else may differ. Help texts are our
//! own words in Supervisor's columns, so they are compared by their columns.

mod lines;
mod processes;

use std::sync::{Once, OnceLock};

use crate::common::{Config, Kind, Output, Supervisord, wait_until};

/// Lines that only one of the two prints, and why.
const ON_PURPOSE: [(&str, &str); 8] = [
    (
        FURTHER_COMMANDS,
        "`plugins`, `reopen`, `rotate` and `upgrade` are new; they stand below a heading of their own, and all that \
         Supervisor lists around it",
    ),
    (
        "… <pattern> …, restart --rolling …",
        "what `help` says of patterns and of restarts of one after the other is new",
    ),
    ("error: …", "an error is a line for people; Supervisor's names a Python class, a file and a line"),
    ("*** No help on …", "Supervisor says it once for each plugin that has no such topic, although another has"),
    ("Server requires authentication", "Supervisor prints a Python error line after it"),
    ("Really …? y/N? ", "the end of the input is a no; Supervisor prints a Python error line, which is a no too"),
    ("*** What was typed is not UTF-8, and is forgotten", "Supervisor runs the line, in which no name can be meant"),
    ("Error: cannot write to stdout: …", "Supervisor prints a Python trace; the exit status is the same"),
];

/// What is in the list of `help` besides.
const FURTHER_COMMANDS: &str = "\nfurther commands (type help <topic>):\n=====================================\nplugins  reopen  rotate  upgrade\n\n";

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
        let mut text = text.replace(FURTHER_COMMANDS, "");
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

//! The command line of `supervisorctl`, and the run that it asks for.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process, thread,
    time::Duration,
};

use super::{
    command_line::CommandLine,
    controller::Controller,
    document::Document,
    printer::Printer,
    progress_bar::ProgressBar,
    session::{OutputFormat, ServerLogin, Session},
    shell,
    stdout::{columns, stdout},
};
use crate::{
    config::{ClientConfig, ClientOverrides},
    plugin::SearchPath,
    text::{
        getopt::{Known, getopt, refuse_repeats},
        stderr_line::stderr_line,
    },
};

/// Text of `-h`, in which PROG stands for the name of the program.
pub const HELP: &str = "\
supervisorctl: control the programs of a supervisord.

Usage: PROG [options] [action [arguments]]

Options:
-c/--configuration FILENAME -- the config file (looked for in the usual places if not given)
-h/--help -- print this text
-i/--interactive -- ask before what ends programs, as the shell does
-s/--serverurl URL -- where supervisord listens: http://host:port or unix:///path
     (default \"http://localhost:9001\")
-u/--username USERNAME -- user name for the server
-p/--password PASSWORD -- password for the server
-r/--history_file FILENAME -- keep the shell's history in this file
--json -- print one object of JSON in place of text; for an action

Without an action a shell is started in which actions are typed. The action
\"help\" lists all actions, those of plugins too.

";

const OPTIONS: [Known; 9] = [
    Known { short: Some('h'), long: Some("help"), takes_value: false },
    Known { short: Some('?'), long: None, takes_value: false },
    Known { short: Some('c'), long: Some("configuration"), takes_value: true },
    Known { short: Some('i'), long: Some("interactive"), takes_value: false },
    Known { short: Some('s'), long: Some("serverurl"), takes_value: true },
    Known { short: Some('u'), long: Some("username"), takes_value: true },
    Known { short: Some('p'), long: Some("password"), takes_value: true },
    Known { short: Some('r'), long: Some("history_file"), takes_value: true },
    Known { short: None, long: Some("json"), takes_value: false },
];

/// Index of `-s` in [`OPTIONS`].
const SERVERURL: usize = 4;

/// Index of `--json` in [`OPTIONS`].
const JSON: usize = 8;

/// Action for the completions of shells, in `conf/completions`. No plugin can have a command of this name.
const COMPLETE: &str = "_complete";

/// Time in which that is over.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(1);

/// Command line of `supervisorctl`, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    /// Set by `-h` or `-?` before anything that is wrong.
    help: bool,
    /// File of `-c`.
    configuration: Option<PathBuf>,
    /// Set by `-i`.
    interactive: bool,
    /// Set by `--json`.
    json: bool,
    /// Values of `-s`, `-u`, `-p` and `-r`.
    overrides: ClientOverrides,
    /// The action and its words.
    action: Vec<String>,
}

impl Arguments {
    /// Read the arguments after the name of the program. The error is Supervisor's text.
    fn parse(args: &[String]) -> Result<Self, String> {
        let (given, action) = getopt(args, &OPTIONS)?;
        let mut read = Self::default();
        for (index, option) in given.iter().enumerate() {
            let value = option.value.clone();
            if option.index == SERVERURL {
                ClientOverrides::check_url(&option.spelling, &value)?;
            }
            refuse_repeats(&given[..=index], |_| true)?;
            match option.index {
                0 | 1 => return Ok(Self { help: true, ..Self::default() }),
                2 => read.configuration = Some(value.into()),
                3 => read.interactive = true,
                SERVERURL => read.overrides.serverurl = Some(value),
                5 => read.overrides.username = Some(value),
                6 => read.overrides.password = Some(value),
                JSON => read.json = true,
                _ => read.overrides.history_file = Some(value),
            }
        }
        read.action = action.to_vec();
        if read.json && read.action.is_empty() {
            return Err("--json needs an action: it is not for the shell".to_owned());
        }
        Ok(read)
    }
}

/// Run `supervisorctl` with these arguments, the first of which is its own name, and return its exit status.
pub fn run(args: &[String]) -> u8 {
    let program = args.first().map_or("supervisorctl", String::as_str);
    let args = args.get(1..).unwrap_or_default();
    match try_run(program, args) {
        Ok(status) => status,
        Err(message) if asks_for_json(args) => {
            let mut document = Document::default();
            document.push_error(&message, None);
            let line = document.take_line().unwrap_or_default() + "\n";
            let mut stdout = stdout();
            // Nothing more can be told to who has closed it.
            let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
            2
        }
        Err(message) => {
            stderr_line(format_args!("Error: {message}\nFor help, use {program} -h"));
            2
        }
    }
}

/// Tell whether `--json` stands before the action, also where something is wrong with the rest.
fn asks_for_json(args: &[String]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

fn try_run(program: &str, args: &[String]) -> Result<u8, String> {
    let arguments = Arguments::parse(args)?;
    if arguments.help {
        let mut stdout = stdout();
        let printed = stdout.write_all(HELP.replace("PROG", program).as_bytes()).and_then(|()| stdout.flush());
        return Ok(printed.map_or_else(|error| cannot_print(&error), |()| 0));
    }
    let file = arguments.configuration.or_else(ClientConfig::find);
    let config = ClientConfig::load(file.as_deref(), &arguments.overrides).map_err(|errors| errors.to_string())?;
    // For people: what a script prints to stderr is mailed to somebody each time that it runs.
    if io::stderr().is_terminal() && !arguments.json {
        config.messages.iter().for_each(|message| stderr_line(&message.text));
    }
    let login = ServerLogin { url: config.serverurl, username: config.username, password: config.password };
    let interactive = arguments.interactive || arguments.action.is_empty();
    let is_completion = arguments.action.first().is_some_and(|action| action == COMPLETE);
    let is_json = arguments.json && !is_completion;
    let is_terminal = io::stdout().is_terminal();
    let format = match is_json {
        true => OutputFormat::Json,
        false if is_terminal && wants_colours() => OutputFormat::Coloured,
        false => OutputFormat::Plain,
    };
    let bar = (is_terminal && !is_json).then(|| ProgressBar::new(columns()));
    let session = Session::new(login, interactive, Printer::new(stdout(), bar)).with_format(format);
    let mut controller = Controller::new(session, config.ctlplugins, SearchPath::new(&config.plugin_path));
    if let [COMPLETE, words @ ..] = &arguments.action.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        complete(&mut controller, words);
    } else if arguments.action.is_empty() {
        shell::run(&mut controller, &config.prompt, config.history_file.as_deref());
    } else {
        controller.run(&CommandLine::arguments(&arguments.action));
    }
    let session = controller.session();
    Ok(match session.take_output_error() {
        Some(error) => cannot_print(&error),
        None if arguments.action.is_empty() => 0,
        // Exit statuses are a byte, and a plugin may set any number.
        None => session.exit_status().to_le_bytes()[0],
    })
}

/// Print the candidates for the last of these words, one on a line: in time for a person who has pressed a key, or not
/// at all.
fn complete(controller: &mut Controller, words: &[&str]) {
    thread::spawn(|| {
        thread::sleep(COMPLETE_TIMEOUT);
        process::exit(0);
    });
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let candidates = controller.complete(&words);
    for candidate in &candidates {
        controller.session().output(candidate);
    }
}

/// Tell whether the environment is for colours on a terminal: <https://no-color.org>.
fn wants_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Say on stderr that the output is not all there, and return the exit status for that. Where nobody reads it any
/// more, as with `| head`, nobody wonders.
fn cannot_print(error: &io::Error) -> u8 {
    if error.kind() != io::ErrorKind::BrokenPipe {
        stderr_line(format_args!("Error: cannot write to stdout: {error}"));
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&args)
    }

    #[test]
    fn options_come_before_the_action() {
        let read = parse("-c a.conf -i --server http://h:1 --user=u -pw -r hist tail -f cat").unwrap();
        let expected = Arguments {
            help: false,
            configuration: Some("a.conf".into()),
            interactive: true,
            json: false,
            overrides: ClientOverrides {
                serverurl: Some("http://h:1".into()),
                username: Some("u".into()),
                password: Some("w".into()),
                history_file: Some("hist".into()),
            },
            action: vec!["tail".into(), "-f".into(), "cat".into()],
        };
        assert_eq!(read, expected);
        assert!(parse("-? -x").is_err());
        assert!(parse("-i -h -i").unwrap().help);
        assert!(parse("--json status").unwrap().json);
        assert_eq!(parse("--json").unwrap_err(), "--json needs an action: it is not for the shell");
    }

    #[test]
    fn mistakes_are_told_as_supervisor_tells_them() {
        let table = [
            ("-x", "option -x not recognized"),
            ("-s", "option -s requires argument"),
            ("--server", "option --serverurl requires argument"),
            ("--in=4", "option --interactive must not have an argument"),
            ("-s foo", "invalid value for -s 'foo': value 'foo' is not a URL"),
            ("--s=4", "invalid value for --serverurl '4': value '4' is not a URL"),
            ("-s http://", "invalid value for -s 'http://': value 'http://' is not a URL"),
            ("-i -i", "conflicting command line option '-i'"),
            ("-c a --conf b", "conflicting command line option '--configuration'"),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line).unwrap_err(), expected, "{line}");
        }
    }
}

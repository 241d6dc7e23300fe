//! Dispatch of command lines: the tables of commands, and `help`.
//!
//! Commands stand in groups: `default` first, then the `[ctlplugin:x]` sections in their order, then the commands that
//! Supervisor does not have and a plugin may have instead. Plugin libraries are loaded when a command is not one of
//! Supervisor's or when all commands are listed, so that `supervisorctl status` does not wait for them.

use std::sync::Arc;

use plugin_api::{Fault, MethodInfo, NamespaceObject, Value, find, namespace, pformat};

use super::{
    command_line::CommandLine,
    commands::{default_commands, further_commands},
    completion::Completion,
    ctl_host::CtlHost,
    exit_status, help,
    session::{Session, TRANSPORT_ERROR, UNAUTHORIZED, UNAUTHORIZED_ERROR},
};
use crate::{
    config::PluginSection,
    plugin::{SearchPath, load},
    text::stderr_line::stderr_line,
};

/// Width at which values are printed.
const VALUE_WIDTH: usize = 80;

/// Runner of command lines.
pub(super) struct Controller {
    session: Arc<Session>,
    /// Commands in the order in which they are looked for; of two with one name the first counts.
    groups: Vec<CommandGroup>,
    /// Sections of the config whose plugins are not loaded yet.
    plugins: Vec<PluginSection>,
    /// Set when all plugins were loaded, or could not be.
    all_loaded: bool,
    /// Plugins that could not be loaded, each with the reason.
    not_loaded: Vec<String>,
    /// Directories of plugin libraries.
    search: SearchPath,
}

/// A command and the plugin object that runs it.
struct CommandEntry {
    info: MethodInfo,
    object: Arc<NamespaceObject>,
}

/// Commands that `help` lists under one name.
struct CommandGroup {
    name: String,
    commands: Vec<Arc<CommandEntry>>,
}

impl CommandGroup {
    fn new(name: &str, objects: Vec<NamespaceObject>) -> Self {
        let mut commands = Vec::new();
        for object in objects {
            let object = Arc::new(object);
            let infos = object.methods().into_iter().filter(|info| !info.name.starts_with('_'));
            commands.extend(infos.map(|info| Arc::new(CommandEntry { info, object: Arc::clone(&object) })));
        }
        Self { name: name.to_owned(), commands }
    }
}

impl Controller {
    /// A controller with Supervisor's commands; those of `plugins` come when they are needed.
    pub(super) fn new(session: Session, plugins: Vec<PluginSection>, search: SearchPath) -> Self {
        let session = Arc::new(session);
        let default = CommandGroup::new("default", default_commands(&session));
        Self { session, groups: vec![default], plugins, all_loaded: false, not_loaded: Vec::new(), search }
    }

    /// The session that the commands print to and set the exit status of.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Completion of the words of all commands that are loaded.
    pub(super) fn completion(&self) -> Completion {
        let mut completion = Completion::new(Arc::clone(&self.session));
        for command in self.groups.iter().flat_map(|group| &group.commands) {
            completion.add(&command.info, &command.object);
        }
        completion
    }

    /// Candidates for the last of these words, from plugins too. Nothing is printed, whatever is wrong.
    pub(super) fn complete(&mut self, words: &[String]) -> Vec<String> {
        // Those of Supervisor need no plugins to be known.
        let is_known = words.len() > 1 && words[0] != "help" && self.find_loaded(&words[0]).is_some();
        if !is_known {
            self.load_plugins();
        }
        self.completion().of_words(words)
    }

    /// Run one line.
    pub(super) fn run(&mut self, line: &CommandLine) {
        match line.name() {
            "" if line.text().is_empty() => {}
            "help" => self.help(line.rest()),
            "EOF" => {
                self.session.end_line();
                self.session.finish();
            }
            name => self.run_command(name, line),
        }
        self.session.end_document();
        self.session.flush();
    }

    fn run_command(&mut self, name: &str, line: &CommandLine) {
        let Some((group, command)) = self.find(name) else {
            self.session.set_exit_status(exit_status::GENERIC);
            if !self.report_not_loaded(name) {
                self.session.error(&format!("*** Unknown syntax: {}", line.text()), None);
            }
            return;
        };
        let words = if group == 0 {
            line.plain_words()
        } else {
            match line.shell_words() {
                Ok(words) => words,
                Err(error) => return self.fail(&Fault::new(TRANSPORT_ERROR, error.to_string())),
            }
        };
        if !command.info.takes(words.len()) {
            if self.session.is_json() {
                let usage = usage_of(&command.info);
                self.session.error(&format!("{name} is used so: {usage}"), None);
            } else {
                self.session.output(&help_of(&command.info));
            }
            return;
        }
        let params = words.into_iter().map(Value::from).collect();
        let outcome = command.object.call(command.info.name.as_rstr(), params).wait();
        self.session.end_progress();
        match outcome {
            Ok(Value::Nil) => {}
            Ok(value) => self.session.output_value(&pformat(&value, VALUE_WIDTH), value),
            Err(fault) => self.fail(&fault),
        }
        if self.session.take_usage_error() {
            self.session.output(&help_of(&command.info));
        }
    }

    fn fail(&self, fault: &Fault) {
        let text = if fault.code == UNAUTHORIZED_ERROR { UNAUTHORIZED.to_owned() } else { format!("error: {fault}") };
        self.session.error(&text, Some(fault.code));
        self.session.set_exit_status(exit_status::GENERIC);
    }

    /// The command of that name, and the index of its group; plugins are loaded if need be.
    fn find(&mut self, name: &str) -> Option<(usize, Arc<CommandEntry>)> {
        if let Some(found) = self.find_loaded(name) {
            return Some(found);
        }
        self.load_plugins();
        self.find_loaded(name)
    }

    fn find_loaded(&self, name: &str) -> Option<(usize, Arc<CommandEntry>)> {
        self.groups.iter().enumerate().find_map(|(index, group)| {
            let command = group.commands.iter().find(|command| command.info.name == name)?;
            Some((index, Arc::clone(command)))
        })
    }

    /// Load the plugins of the config. Where one cannot be loaded, the others work.
    fn load_plugins(&mut self) {
        if self.all_loaded {
            return;
        }
        self.all_loaded = true;
        for section in std::mem::take(&mut self.plugins) {
            match self.load_plugin(&section) {
                Ok(object) => self.groups.push(CommandGroup::new(&section.name, vec![object])),
                Err(text) => self.not_loaded.push(format!("{}: {text}", section.place_of(&text))),
            }
        }
        self.groups.push(CommandGroup::new("further", further_commands(&self.session)));
    }

    /// Load the plugins for a list of all commands, and name on stderr those that have none to show.
    pub(super) fn load_all_plugins(&mut self) {
        self.load_plugins();
        self.report(&self.not_loaded);
    }

    /// Say what is wrong on stderr, or in the document.
    fn report(&self, texts: &[String]) {
        self.session.flush();
        for text in texts {
            if self.session.is_json() {
                self.session.error(text, None);
            } else {
                stderr_line(format_args!("Error: {text}"));
            }
        }
    }

    /// Name the plugins that may have a command that is not there; `false` where all are loaded, and so none has.
    fn report_not_loaded(&self, command: &str) -> bool {
        let text = |text: &String| format!("no command '{command}' without the plugin of {text}");
        self.report(&self.not_loaded.iter().map(text).collect::<Vec<_>>());
        !self.not_loaded.is_empty()
    }

    fn load_plugin(&self, section: &PluginSection) -> Result<NamespaceObject, String> {
        let factory = load(&section.factory, "ctl", &self.search).map_err(|error| error.to_string())?;
        let host = namespace(Arc::new(CtlHost(Arc::clone(&self.session))));
        let options = section.options.iter().cloned().collect();
        factory.make(host, options).map_err(|fault| fault.to_string())
    }

    fn help(&mut self, topic: &str) {
        if topic.is_empty() {
            self.load_all_plugins();
            // All that this program has itself, then the plugins.
            let [default, plugins @ .., further] = self.groups.as_slice() else { return };
            for group in [default, further].into_iter().chain(plugins) {
                let mut names: Vec<&str> = group.commands.iter().map(|command| command.info.name.as_str()).collect();
                let topics = help::topics(&group.name, &mut names);
                let text = topics.strip_suffix('\n').unwrap_or(&topics);
                let commands = || Value::array(names.iter().map(|name| Value::from(*name)));
                let item = || Value::structure([("name", group.name.as_str().into()), ("commands", commands())]);
                self.session.output_item("groups", text, item);
            }
        } else if topic == "help" {
            let text = "help\t\tList the commands\nhelp <action>\tPrint the help of a command";
            self.session.output_member("help", text, || text.into());
        } else {
            match self.find(topic) {
                Some((_, command)) => {
                    let text = help_of(&command.info);
                    self.session.output_member("help", &text, || text.as_str().into());
                }
                None if self.report_not_loaded(topic) => {}
                None => self.session.error(&format!("*** No help on {topic}"), None),
            }
        }
    }
}

/// Help of a command: its usage, then what it does; or the text alone where that is laid out with tabs by its
/// author and begins with the command's name.
pub(super) fn help_of(command: &MethodInfo) -> String {
    let (name, text) = (command.name.as_str(), command.help.as_str());
    if text.starts_with(name) && text.contains('\t') {
        text.to_owned()
    } else {
        format!("{}\t{text}", usage_of(command))
    }
}

/// Usage of a command: `cache_fetch <key>`.
fn usage_of(command: &MethodInfo) -> &str {
    find(&command.properties, "usage").and_then(Value::as_str).unwrap_or(&command.name)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::Mutex,
    };

    use plugin_api::{Controller as PluginController, ctl_plugin};

    use super::{
        super::{printer::Printer, progress_bar::ProgressBar, session::ServerLogin},
        *,
    };

    struct Shelf;

    #[ctl_plugin]
    impl Shelf {
        /// Put <what> there.
        pub fn shelf_put(&self, what: String, times: Option<u32>) -> Result<(), Fault> {
            if times == Some(0) { Err(Fault::bad_name_with(what)) } else { Ok(()) }
        }

        /// List what was put there.
        pub fn shelf_list(&self, filters: Vec<String>) -> Vec<String> {
            filters
        }

        /// Wait, then say it.
        pub async fn shelf_wait(&self) -> bool {
            true
        }

        /// Fall over.
        pub fn shelf_fall(&self) {
            panic!("over")
        }

        /// Another, after the built-in one.
        pub fn version(&self) {
            unreachable!("the built-in one comes first")
        }
    }

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Run a line; return its output and the exit status.
    fn run(line: &str) -> (String, i32) {
        let paper = Paper::default();
        let login = ServerLogin { url: "unix:///nonexistent/socket".into(), username: None, password: None };
        let session = Session::new(login, false, Printer::new(Box::new(paper.clone()), None));
        let mut controller = Controller::new(session, Vec::new(), SearchPath::new(&[]));
        controller.groups.push(CommandGroup::new("shelf", vec![namespace(Arc::new(Shelf))]));
        controller.run(&CommandLine::typed(line));
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        (text, controller.session.exit_status())
    }

    #[test]
    fn a_plugin_command_takes_its_words() {
        let table = [
            ("shelf_put a", "", 0),
            ("shelf_put 'a b' 2", "", 0),
            ("shelf_put", "shelf_put <what> [<times>]\tPut <what> there.\n", 0),
            ("shelf_put a 1 2", "shelf_put <what> [<times>]\tPut <what> there.\n", 0),
            ("help shelf_put", "shelf_put <what> [<times>]\tPut <what> there.\n", 0),
            ("shelf_put cup 0", "error: BAD_NAME: cup\n", 1),
            ("shelf_put 'a", "error: No closing quotation\n", 1),
            ("shelf_list", "[]\n", 0),
            ("shelf_list a 'b c'", "['a', 'b c']\n", 0),
            ("shelf_wait", "True\n", 0),
            ("help nope", "*** No help on nope\n", 0),
            ("nope a  b", "*** Unknown syntax: nope a  b\n", 1),
            ("version", "unix:///nonexistent/socket no such file\n", 7),
        ];
        for (line, text, status) in table {
            assert_eq!(run(line), (text.to_owned(), status), "{line}");
        }
    }

    struct Copier(PluginController);

    #[ctl_plugin]
    impl Copier {
        pub fn copy(&self) {
            let mut progress = self.0.progress("copy", 2);
            progress.advance(1);
            self.0.output("half of it");
            progress.advance(1);
        }

        pub fn forget(&self) {
            std::mem::forget(self.0.progress("forget", 0));
        }
    }

    #[test]
    fn progress_is_shown_on_a_terminal_alone() {
        let erase = "\r\x1b[K";
        let copy = format!(
            "{erase}copy [        ]   0%{erase}copy [####    ]  50%{erase}half of it\n{erase}copy [########] 100%{erase}"
        );
        let table = [
            ("copy", None, "half of it\n".to_owned()),
            ("copy", Some(21), copy),
            ("forget", Some(21), format!("{erase}forget 0{erase}")),
        ];
        for (command, columns, expected) in table {
            let paper = Paper::default();
            let login = ServerLogin { url: "unix:///nonexistent/socket".into(), username: None, password: None };
            let printer = Printer::new(Box::new(paper.clone()), columns.map(ProgressBar::new));
            let session = Session::new(login, false, printer);
            let mut controller = Controller::new(session, Vec::new(), SearchPath::new(&[]));
            let line = PluginController::new(namespace(Arc::new(CtlHost(Arc::clone(&controller.session)))));
            controller.groups.push(CommandGroup::new("copier", vec![namespace(Arc::new(Copier(line)))]));
            controller.run(&CommandLine::typed(command));
            assert_eq!(String::from_utf8(paper.0.lock().unwrap().clone()).unwrap(), expected);
        }
    }

    #[test]
    fn a_plugin_command_that_panics_is_an_error() {
        let (text, status) = run("shelf_fall");
        assert!(text.starts_with("error: FAILED: shelf_fall panicked: over (") && text.lines().count() == 1, "{text}");
        assert_eq!(status, 1);
    }

    #[test]
    fn the_commands_of_plugins_are_listed() {
        let expected = "\nfurther commands (type help <topic>):\n=====================================\n\
                        events  plugins  reopen  rotate  upgrade\n\n\
                        \nshelf commands (type help <topic>):\n===================================\n\
                        shelf_fall  shelf_list  shelf_put  shelf_wait  version\n\n";
        assert!(run("help").0.ends_with(expected), "{}", run("help").0);
    }
}

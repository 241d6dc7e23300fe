//! State of one run of `supervisorctl`: the connection to the server, the output, the exit status.
//!
//! Commands of our own use it directly, plugins through their line to the host.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use plugin_api::{Code, Fault, Value};

use super::{document::Document, exit_status, printer::Printer, prompt};
use crate::{
    text::stderr_line::stderr_text,
    version,
    xmlrpc::{Client, ClientError},
};

/// Number of the fault that stands for a failed transport where only faults can be told; XML-RPC's interoperability
/// numbers reserve it for that.
pub(super) const TRANSPORT_ERROR: i32 = -32300;

/// Number of the fault for credentials that are missing or wrong; [`UNAUTHORIZED`] is printed in place of an error.
pub(super) const UNAUTHORIZED_ERROR: i32 = -32301;

/// Text in place of an error when credentials are missing.
pub(super) const UNAUTHORIZED: &str = "Server requires authentication";

/// Form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputFormat {
    /// Lines for people and scripts.
    Plain,
    /// Lines of the plain form, coloured for a person at a terminal.
    Coloured,
    /// One object of JSON for each action.
    Json,
}

/// State of one run of `supervisorctl`.
pub(super) struct Session {
    /// Connection to the server; locked during a call, so that calls go one after the other; never while something else
    /// is waited for.
    connection: Mutex<ServerConnection>,
    /// Standard output; flushed before anything that takes time.
    printer: Mutex<Printer>,
    /// Set where colours are printed.
    is_coloured: bool,
    /// Document that is printed in place of lines, for `--json`.
    document: Option<Mutex<Document>>,
    /// The exit status so far.
    exit_status: AtomicI32,
    /// True where a person is there to be asked.
    interactive: bool,
    /// Set when the shell is to end.
    finished: AtomicBool,
    /// Set when a command was given the wrong words, so that its help is printed.
    misused: AtomicBool,
    /// True while a word is completed: nothing is printed, asked or set then.
    quiet: AtomicBool,
}

struct ServerConnection {
    login: ServerLogin,
    /// Client of the server; `None` until the first call, and after a change of the login.
    client: Option<Client>,
}

/// Server to connect to, and the credentials for it.
#[derive(Clone)]
pub(super) struct ServerLogin {
    /// URL `http://…` or `unix://…`.
    pub(super) url: String,
    /// User name for Basic authentication.
    pub(super) username: Option<String>,
    /// Password for Basic authentication.
    pub(super) password: Option<String>,
}

impl ServerLogin {
    /// A client that connects when it is first used.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        Client::new(&self.url, self.username.as_deref(), self.password.as_deref())
    }
}

impl Session {
    /// A session that prints to `printer`. `interactive` allows questions.
    pub(super) fn new(login: ServerLogin, interactive: bool, printer: Printer) -> Self {
        Self {
            connection: Mutex::new(ServerConnection { login, client: None }),
            printer: Mutex::new(printer),
            is_coloured: false,
            document: None,
            exit_status: AtomicI32::new(0),
            interactive,
            finished: AtomicBool::new(false),
            misused: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
        }
    }

    /// The session, with output of this form.
    pub(super) fn with_format(self, format: OutputFormat) -> Self {
        let document = (format == OutputFormat::Json).then(Mutex::default);
        Self { is_coloured: format == OutputFormat::Coloured, document, ..self }
    }

    /// Tell whether output is coloured.
    pub(super) fn is_coloured(&self) -> bool {
        self.is_coloured
    }

    /// Tell whether output is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.document.is_some()
    }

    /// Tell whether a person is there to be asked.
    pub(super) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// The exit status so far.
    pub(super) fn exit_status(&self) -> i32 {
        self.exit_status.load(Ordering::Relaxed)
    }

    /// Set the exit status. Later commands may set it again.
    pub(super) fn set_exit_status(&self, status: i32) {
        if self.is_quiet() {
            return;
        }
        self.exit_status.store(status, Ordering::Relaxed);
    }

    /// Print a line about an error and set the exit status.
    pub(super) fn fail(&self, text: &str, exit_status: i32) {
        self.error(text, None);
        self.set_exit_status(exit_status);
    }

    /// Print a line about an error that is no reason for another exit status. `code` is the number of its fault.
    pub(super) fn error(&self, text: &str, code: Option<i32>) {
        self.output_or(text, |document| document.push_error(text, code));
    }

    /// Print a line about an error of one of the things that were named, and set the exit status; with `--json` it is
    /// an item of a list, made by `error_item`.
    pub(super) fn fail_item(&self, list: &str, text: &str, item: Value, exit_status: i32) {
        self.output_item(list, text, || item);
        self.set_exit_status(exit_status);
    }

    /// Report that the words of a command are wrong; its help follows when it returns.
    pub(super) fn usage_error(&self, text: &str, exit_status: i32) {
        self.fail(text, exit_status);
        self.misused.store(!self.is_json(), Ordering::Relaxed);
    }

    /// Return true once after [`Session::usage_error`].
    pub(super) fn take_usage_error(&self) -> bool {
        self.misused.swap(false, Ordering::Relaxed)
    }

    /// End the shell after this command.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// Tell whether the shell is to end.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Print a line. A command that cannot print, as into a closed pipe or onto a full disk, still does all else that
    /// it does; the exit status tells of it.
    pub(super) fn output(&self, text: &str) {
        self.output_or(text, |document| document.push_output(text));
    }

    /// Print a line; with `--json` it is an item of a list of the document.
    pub(super) fn output_item(&self, list: &str, text: &str, item: impl FnOnce() -> Value) {
        self.output_or(text, |document| document.push(list, item()));
    }

    /// Print a line; with `--json` it is a member of the document.
    pub(super) fn output_member(&self, name: &str, text: &str, value: impl FnOnce() -> Value) {
        self.output_or(text, |document| document.set(name, value()));
    }

    /// Print a line; with `--json` it is a value that a plugin's command gives.
    pub(super) fn output_value(&self, text: &str, value: Value) {
        self.output_or(text, |document| document.push_value(value));
    }

    /// Have a list in the document, also where it has no items.
    pub(super) fn begin_list(&self, name: &str) {
        if let Some(document) = &self.document {
            lock(document).begin_list(name);
        }
    }

    /// Print a line, or put into the document what stands there for it.
    fn output_or(&self, text: &str, fill: impl FnOnce(&mut Document)) {
        if self.is_quiet() {
            return;
        }
        match &self.document {
            Some(document) => fill(&mut lock(document)),
            None => self.print_line(text),
        }
    }

    fn print_line(&self, text: &str) {
        let mut printer = lock(&self.printer);
        printer.write(text.as_bytes());
        printer.write(b"\n");
    }

    /// Begin a stream: what is printed as JSON are its lines, and errors after them.
    pub(super) fn begin_stream(&self) {
        if let Some(document) = &self.document {
            lock(document).note_stream();
        }
    }

    /// Print a line of a stream at once; with `--json`, the line of an object. `false` where it cannot be printed.
    pub(super) fn stream(&self, line: impl FnOnce() -> Vec<u8>, object: impl FnOnce() -> String) -> bool {
        let mut line = match &self.document {
            Some(_) => object().into_bytes(),
            None => line(),
        };
        line.push(b'\n');
        self.output_bytes(&line)
    }

    /// Print the document of an action that is over, with `--json`.
    pub(super) fn end_document(&self) {
        let line = self.document.as_ref().and_then(|document| lock(document).take_line());
        if let Some(line) = line {
            self.print_line(&line);
        }
    }

    /// End the line of what a person has typed or interrupted.
    pub(super) fn end_line(&self) {
        if !self.is_json() {
            self.output("");
        }
    }

    /// Print bytes as they are, at once. `false` where they cannot be printed.
    pub(super) fn output_bytes(&self, bytes: &[u8]) -> bool {
        let mut printer = lock(&self.printer);
        printer.write(bytes);
        printer.flush();
        printer.error().is_none()
    }

    /// Show the progress of work, on a terminal: `done` of `total` parts.
    pub(super) fn progress(&self, what: &str, done: i64, total: i64) {
        if !self.is_quiet() {
            lock(&self.printer).draw_progress(what, done, total);
        }
    }

    /// Take the progress bar away, if one is shown.
    pub(super) fn end_progress(&self) {
        lock(&self.printer).write(b"");
    }

    /// Run the completion of a word, in the midst of a line: there is no place for anything to be printed or asked
    /// then.
    pub(super) fn quietly<T>(&self, complete: impl FnOnce() -> T) -> T {
        self.quiet.store(true, Ordering::Relaxed);
        let completed = complete();
        self.quiet.store(false, Ordering::Relaxed);
        completed
    }

    fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Hand on what was printed, so that it is seen.
    pub(super) fn flush(&self) {
        lock(&self.printer).flush();
    }

    /// Tell whether all that was printed could be written so far.
    pub(super) fn can_print(&self) -> bool {
        lock(&self.printer).error().is_none()
    }

    /// The error that kept the output from being written.
    pub(super) fn take_output_error(&self) -> Option<io::Error> {
        let mut printer = lock(&self.printer);
        printer.flush();
        printer.take_error()
    }

    /// End the last line for a process that ends now, whatever it is doing.
    pub(super) fn end_line_at_once(&self) {
        // Who prints at this moment may wait for a reader, and must not be waited for.
        if let Ok(mut printer) = self.printer.try_lock() {
            printer.write(b"\n");
            printer.flush();
        }
    }

    /// Server of this session, and the credentials for it.
    pub(super) fn login(&self) -> ServerLogin {
        lock(&self.connection).login.clone()
    }

    /// URL of the server.
    pub(super) fn url(&self) -> String {
        self.login().url
    }

    /// Turn to another server.
    pub(super) fn open(&self, url: &str) {
        let mut connection = lock(&self.connection);
        url.clone_into(&mut connection.login.url);
        connection.client = None;
    }

    /// Call a method of the server. A person who is there is asked for credentials when they are wanted, and they are
    /// kept for all that follows.
    pub(super) fn call(&self, method: &str, params: &[Value]) -> Result<Value, ClientError> {
        self.with_credentials(|| self.call_as_is(method, params))
    }

    /// Call a method whose result is an array as [`call`](Self::call) does, and make an item of each of its elements.
    pub(super) fn call_list<T>(
        &self,
        method: &str,
        params: &[Value],
        item: impl Fn(Value) -> T,
    ) -> Result<Vec<T>, ClientError> {
        self.with_credentials(|| self.with_client(|client| client.call_list(method, params, &item)))
    }

    fn with_credentials<T>(&self, call: impl Fn() -> Result<T, ClientError>) -> Result<T, ClientError> {
        self.flush();
        loop {
            match call() {
                Err(ClientError::Unauthorized { .. })
                    if self.interactive && !self.is_quiet() && self.ask_for_credentials() => {}
                result => return result,
            }
        }
    }

    /// Call a method of the server without a question; for completion, in the midst of a line.
    pub(super) fn call_as_is(&self, method: &str, params: &[Value]) -> Result<Value, ClientError> {
        self.with_client(|client| client.call(method, params))
    }

    fn with_client<T>(&self, call: impl FnOnce(&mut Client) -> Result<T, ClientError>) -> Result<T, ClientError> {
        let mut connection = lock(&self.connection);
        let ServerConnection { login, client } = &mut *connection;
        let client = match client {
            Some(client) => client,
            None => client.insert(login.client()?),
        };
        call(client)
    }

    /// Tell whether the server is there and speaks our version; if not, print that and set the exit status.
    pub(super) fn upcheck(&self) -> Result<bool, ClientError> {
        let error = match self.call("supervisor.getVersion", &[]) {
            Ok(theirs) if theirs.as_str() == Some(version::API) => return Ok(true),
            Ok(theirs) => {
                let theirs = theirs.as_str().map_or_else(|| plugin_api::repr(&theirs), str::to_owned);
                let text = format!(
                    "Sorry, this version of supervisorctl expects to talk to a server with API version {}, but the \
                     remote version is {theirs}.",
                    version::API
                );
                self.fail(&text, exit_status::NOT_INSTALLED);
                return Ok(false);
            }
            Err(error) => error,
        };
        match &error {
            ClientError::Fault(fault) if fault.is(Code::UnknownMethod) => {
                let text = "Sorry, supervisord responded but did not recognize the supervisor namespace commands that \
                            supervisorctl uses to control it.  Please check that the [rpcinterface:supervisor] section \
                            is enabled in the configuration file (see sample.conf).";
                self.fail(text, exit_status::UNIMPLEMENTED_FEATURE);
            }
            ClientError::Refused { .. } => {
                self.fail(&format!("{} refused connection", self.url()), exit_status::INSUFFICIENT_PRIVILEGES);
            }
            ClientError::NoSuchFile { .. } => {
                self.fail(&format!("{} no such file", self.url()), exit_status::NOT_RUNNING);
            }
            _ => {
                self.set_exit_status(exit_status::GENERIC);
                return Err(error);
            }
        }
        Ok(false)
    }

    /// Ask yes or no; the answer is yes where nobody is there to be asked.
    pub(super) fn confirm(&self, prompt: &str) -> bool {
        if !self.interactive {
            return true;
        }
        if self.is_quiet() {
            return false;
        }
        if let Some(answer) = self.ask(prompt) {
            return answer.starts_with(['y', 'Y']);
        }
        self.end_line();
        self.set_exit_status(exit_status::GENERIC);
        false
    }

    /// Ask for a line; `None` at the end of the input.
    pub(super) fn ask(&self, prompt: &str) -> Option<String> {
        if self.is_json() {
            // What is piped out is for a program alone.
            stderr_text(prompt);
        } else {
            self.output_bytes(prompt.as_bytes());
        }
        prompt::read_line()
    }

    fn ask_for_credentials(&self) -> bool {
        if self.is_json() {
            stderr_text(&format!("{UNAUTHORIZED}\n"));
        } else {
            self.output(UNAUTHORIZED);
        }
        let Some(username) = self.ask("Username:") else {
            self.end_line();
            return false;
        };
        self.flush();
        let password = prompt::read_password("Password:");
        self.end_line();
        let Some(password) = password else { return false };
        let mut connection = lock(&self.connection);
        connection.login.username = Some(username);
        connection.login.password = Some(password);
        connection.client = None;
        true
    }
}

/// Lock what no panic leaves half done: a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Fault(fault) => fault,
            ClientError::Unauthorized { .. } => Fault::new(UNAUTHORIZED_ERROR, UNAUTHORIZED),
            other => Fault::new(TRANSPORT_ERROR, other.to_string()),
        }
    }
}

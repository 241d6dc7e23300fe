//! What one run of `supervisorctl` is connected to and has come to: the server, the output, the exit status.
//!
//! Built-in commands use it directly, plugins through [`super::plugin_host`].

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use plugin_api::{Fault, Value, fault::Code};

use super::{ask, bar::Bar};
use crate::{
    version,
    xmlrpc::{Client, ClientError},
};

/// Exit statuses that mean more than yes or no; scripts read them.
pub(super) mod status {
    /// Something went wrong.
    pub(in crate::ctl) const GENERIC: i32 = 1;
    /// Words are missing, or a group does not exist.
    pub(in crate::ctl) const INVALID_ARGS: i32 = 2;
    /// The server lacks the `supervisor` namespace.
    pub(in crate::ctl) const UNIMPLEMENTED_FEATURE: i32 = 3;
    /// The server refuses the connection.
    pub(in crate::ctl) const INSUFFICIENT_PRIVILEGES: i32 = 4;
    /// The server speaks another version.
    pub(in crate::ctl) const NOT_INSTALLED: i32 = 5;
    /// There is no server, or the process does not run.
    pub(in crate::ctl) const NOT_RUNNING: i32 = 7;
    /// Of `status`: a process is down.
    pub(in crate::ctl) const STATUS_NOT_RUNNING: i32 = 3;
    /// Of `status`: it cannot be known.
    pub(in crate::ctl) const STATUS_UNKNOWN: i32 = 4;
}

/// Number of the fault that stands for a failed transport where only faults can be told; XML-RPC's interoperability
/// numbers reserve it for that.
pub(super) const TRANSPORT_ERROR: i32 = -32300;

/// The same where credentials are missing or wrong: then [`UNAUTHORIZED`] is said in place of an error.
pub(super) const UNAUTHORIZED_ERROR: i32 = -32301;

/// What is said, in place of an error, when credentials are missing.
pub(super) const UNAUTHORIZED: &str = "Server requires authentication";

/// One run of `supervisorctl`.
pub struct Session {
    // Held during a call, so that calls go one after the other; never while something else is waited for.
    connection: Mutex<Connection>,
    // Flushed before anything that takes time.
    output: Mutex<Output>,
    exit_status: AtomicI32,
    interactive: bool,
    finished: AtomicBool,
    misused: AtomicBool,
    /// While a word is completed: nothing is printed, asked or set.
    quiet: AtomicBool,
}

struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    /// Where there is a person to see it.
    bar: Option<Bar>,
    /// The first thing that went wrong. After it nothing is written any more.
    error: Option<io::Error>,
}

impl Output {
    fn write(&mut self, write: impl FnOnce(&mut BufWriter<Box<dyn Write + Send>>) -> io::Result<()>) {
        let erase = self.bar.as_mut().map_or("", Bar::erase);
        if self.error.is_none() {
            self.error = self.writer.write_all(erase.as_bytes()).and_then(|()| write(&mut self.writer)).err();
        }
    }

    /// Leaves the bar where it is.
    fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.writer.flush().err();
        }
    }

    fn draw(&mut self, what: &str, done: i64, total: i64) {
        let Some(drawn) = self.bar.as_mut().and_then(|bar| bar.draw(what, done, total)) else { return };
        if self.error.is_none() {
            self.error = self.writer.write_all(drawn.as_bytes()).and_then(|()| self.writer.flush()).err();
        }
    }
}

struct Connection {
    url: String,
    username: Option<String>,
    password: Option<String>,
    client: Option<Client>,
}

/// Where to connect, and as whom.
#[derive(Clone)]
pub struct Endpoint {
    /// `http://…` or `unix://…`.
    pub url: String,
    /// For Basic authentication.
    pub username: Option<String>,
    /// For Basic authentication.
    pub password: Option<String>,
}

impl Session {
    /// A session that prints to `output`. `interactive` allows questions.
    pub fn new(endpoint: Endpoint, interactive: bool, output: Box<dyn Write + Send>) -> Self {
        let Endpoint { url, username, password } = endpoint;
        Self {
            connection: Mutex::new(Connection { url, username, password, client: None }),
            output: Mutex::new(Output { writer: BufWriter::new(output), bar: None, error: None }),
            exit_status: AtomicI32::new(0),
            interactive,
            finished: AtomicBool::new(false),
            misused: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
        }
    }

    /// The same, printing to a terminal of so many columns: long work has a bar there.
    #[must_use]
    pub fn with_bar(self, columns: usize) -> Self {
        lock(&self.output).bar = Some(Bar::new(columns));
        self
    }

    /// Whether a person is there to be asked.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// The exit status so far.
    pub fn exit_status(&self) -> i32 {
        self.exit_status.load(Ordering::Relaxed)
    }

    /// Sets the exit status. Later commands may set it again.
    pub fn set_exit_status(&self, status: i32) {
        if self.is_quiet() {
            return;
        }
        self.exit_status.store(status, Ordering::Relaxed);
    }

    /// Sets the exit status that a fault with this number means, unless it is `ignored`.
    pub(super) fn set_exit_status_from(&self, code: i32, ignored: Option<Code>) {
        match Code::from_number(code) {
            Some(Code::Success) => {}
            Some(code) if Some(code) == ignored => {}
            Some(Code::SpawnError | Code::AbnormalTermination | Code::NotRunning) => {
                self.set_exit_status(status::NOT_RUNNING);
            }
            _ => self.set_exit_status(status::GENERIC),
        }
    }

    /// Says what is wrong with the words of a command; its help follows when it returns.
    pub(super) fn misused(&self, text: &str, status: i32) {
        self.output(text);
        self.set_exit_status(status);
        self.misused.store(true, Ordering::Relaxed);
    }

    /// Whether a command has called [`Session::misused`] since this was asked last.
    pub(super) fn take_misused(&self) -> bool {
        self.misused.swap(false, Ordering::Relaxed)
    }

    /// Ends the shell after this command.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// Whether the shell is to end.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Prints a line. A command that cannot print, as into a closed pipe or onto a full disk, still does all else that
    /// it does; the exit status tells of it.
    pub fn output(&self, text: &str) {
        if self.is_quiet() {
            return;
        }
        lock(&self.output).write(|writer| writer.write_all(text.as_bytes()).and_then(|()| writer.write_all(b"\n")));
    }

    /// Prints bytes as they are, at once. `false` where they cannot be printed.
    pub(super) fn output_bytes(&self, bytes: &[u8]) -> bool {
        let mut output = lock(&self.output);
        output.write(|writer| writer.write_all(bytes).and_then(|()| writer.flush()));
        output.error.is_none()
    }

    /// Shows how far work has come, if there is a bar: `done` of `total` parts.
    pub(super) fn progress(&self, what: &str, done: i64, total: i64) {
        if !self.is_quiet() {
            lock(&self.output).draw(what, done, total);
        }
    }

    /// Takes the bar away, if one is shown.
    pub(super) fn end_progress(&self) {
        lock(&self.output).write(|_| Ok(()));
    }

    /// Runs what completes a word, in the midst of a line: there is no place for anything to be printed or asked then.
    pub(super) fn quietly<T>(&self, complete: impl FnOnce() -> T) -> T {
        self.quiet.store(true, Ordering::Relaxed);
        let completed = complete();
        self.quiet.store(false, Ordering::Relaxed);
        completed
    }

    fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Lets what was printed be seen.
    pub(super) fn flush(&self) {
        lock(&self.output).flush();
    }

    /// Whether all that was printed could be written so far.
    pub(super) fn can_print(&self) -> bool {
        lock(&self.output).error.is_none()
    }

    /// What kept the output from being written.
    pub(super) fn take_output_error(&self) -> Option<io::Error> {
        self.flush();
        lock(&self.output).error.take()
    }

    /// Ends the last line for a process that ends now, whatever it is doing.
    pub(super) fn end_line_at_once(&self) {
        // Who prints at this moment may wait for a reader, and must not be waited for.
        if let Ok(mut output) = self.output.try_lock() {
            output.write(|writer| writer.write_all(b"\n").and_then(|()| writer.flush()));
        }
    }

    /// Where this session is connected to, and as whom.
    pub(super) fn endpoint(&self) -> Endpoint {
        let connection = lock(&self.connection);
        Endpoint {
            url: connection.url.clone(),
            username: connection.username.clone(),
            password: connection.password.clone(),
        }
    }

    /// The server's URL.
    pub(super) fn url(&self) -> String {
        lock(&self.connection).url.clone()
    }

    /// Turns to another server.
    pub(super) fn open(&self, url: &str) {
        let mut connection = lock(&self.connection);
        url.clone_into(&mut connection.url);
        connection.client = None;
    }

    /// Calls a method of the server. A person who is there is asked for credentials when they are wanted, and they are
    /// kept for all that follows.
    pub fn call(&self, method: &str, params: &[Value]) -> Result<Value, ClientError> {
        self.flush();
        loop {
            match self.call_as_is(method, params) {
                Err(ClientError::Unauthorized { .. })
                    if self.interactive && !self.is_quiet() && self.ask_for_credentials() => {}
                result => return result,
            }
        }
    }

    /// The same without a question; what completion needs, in the midst of a line.
    pub(super) fn call_as_is(&self, method: &str, params: &[Value]) -> Result<Value, ClientError> {
        let mut connection = lock(&self.connection);
        if connection.client.is_none() {
            let Connection { url, username, password, .. } = &*connection;
            connection.client = Some(Client::new(url, username.as_deref(), password.as_deref())?);
        }
        connection.client.as_mut().expect("made above").call(method, params)
    }

    /// Whether the server is there and speaks our version; if not, says so and sets the exit status.
    pub fn upcheck(&self) -> Result<bool, ClientError> {
        let error = match self.call("supervisor.getVersion", &[]) {
            Ok(theirs) if theirs.as_str() == Some(version::API) => return Ok(true),
            Ok(theirs) => {
                let theirs = theirs.as_str().map_or_else(|| plugin_api::repr(&theirs), str::to_owned);
                self.output(&format!(
                    "Sorry, this version of supervisorctl expects to talk to a server with API version {}, but the \
                     remote version is {theirs}.",
                    version::API
                ));
                self.set_exit_status(status::NOT_INSTALLED);
                return Ok(false);
            }
            Err(error) => error,
        };
        match &error {
            ClientError::Fault(fault) if fault.is(Code::UnknownMethod) => {
                self.output(
                    "Sorry, supervisord responded but did not recognize the supervisor namespace commands that \
                     supervisorctl uses to control it.  Please check that the [rpcinterface:supervisor] section is \
                     enabled in the configuration file (see sample.conf).",
                );
                self.set_exit_status(status::UNIMPLEMENTED_FEATURE);
            }
            ClientError::Refused { .. } => {
                self.output(&format!("{} refused connection", self.url()));
                self.set_exit_status(status::INSUFFICIENT_PRIVILEGES);
            }
            ClientError::NoSuchFile { .. } => {
                self.output(&format!("{} no such file", self.url()));
                self.set_exit_status(status::NOT_RUNNING);
            }
            _ => {
                self.set_exit_status(status::GENERIC);
                return Err(error);
            }
        }
        Ok(false)
    }

    /// Asks yes or no; the answer is yes where nobody is there to be asked.
    pub fn confirm(&self, prompt: &str) -> bool {
        if !self.interactive {
            return true;
        }
        if self.is_quiet() {
            return false;
        }
        if let Some(answer) = self.ask(prompt) {
            return answer.starts_with(['y', 'Y']);
        }
        self.output("");
        self.set_exit_status(status::GENERIC);
        false
    }

    /// Asks for a line; `None` at the end of the input.
    pub(super) fn ask(&self, prompt: &str) -> Option<String> {
        self.output_bytes(prompt.as_bytes());
        ask::line()
    }

    fn ask_for_credentials(&self) -> bool {
        self.output(UNAUTHORIZED);
        let Some(username) = self.ask("Username:") else {
            self.output("");
            return false;
        };
        self.flush();
        let password = ask::password("Password:");
        self.output("");
        let Some(password) = password else { return false };
        let mut connection = lock(&self.connection);
        connection.username = Some(username);
        connection.password = Some(password);
        connection.client = None;
        true
    }
}

/// Nothing here is left half done by a panic, so a poisoned lock is as good as any.
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

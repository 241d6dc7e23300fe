//! A real browser, Debian's chromium, driven through `WebDriver`: a person at the status page.
//!
//! `WebDriver` is JSON over HTTP, and a story takes a dozen of its requests. The crates that wrap all of it bring some
//! fifteen crates a second time, in older versions.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::{comes_true, http::Connection};

/// The driver ends with the pipe that this shell reads from, however the test ends; on SIGTERM it closes the browser.
/// What the driver writes ends with the driver.
const UNTIL_CLOSED: &str = r#""$@" 2>/dev/null & exec >&-; read -r _; kill $! 2>/dev/null; wait"#;

/// Times that the driver is started at most.
const TRIES: usize = 5;

/// Variable that `.ci/run` sets: there a browser has to be.
const REQUIRED: &str = "SUPERVISOR_TESTS_NEED_BROWSER";

/// A window of a browser.
#[derive(Debug)]
pub struct Browser {
    shell: Child,
    port: u16,
    session: String,
    directory: tempfile::TempDir,
}

impl Browser {
    /// Opens a window, where chromium and its driver are installed.
    ///
    /// # Panics
    /// Where they are not, and `.ci/run` says that they have to be.
    pub fn open() -> Option<Self> {
        let (Some(chromium), Some(driver)) = (installed("chromium"), installed("chromedriver")) else {
            assert!(env::var_os(REQUIRED).is_none(), "chromium and chromedriver are not installed");
            eprintln!("chromium is not installed: what a browser makes of the page is not tested");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        // The port that it takes on one kind of address may not be free on the other, and then it ends.
        let (shell, port) = (0..TRIES).find_map(|_| start(&driver)).expect("the driver starts");
        let mut browser = Self { shell, port, session: String::new(), directory };
        let mut arguments: Vec<_> =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
                .map(str::to_owned)
                .into();
        arguments.push(format!("--user-data-dir={}", browser.directory.path().display()));
        let options = json!({ "binary": chromium, "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.ask("POST", "/session", &wanted);
        browser.session = format!("/session/{}", session["sessionId"].as_str().expect("the id of a session"));
        browser.size(1280, 800);
        Some(browser)
    }

    /// Opens a window at this path of a server on this machine.
    pub fn at(port: u16, path: &str) -> Option<Self> {
        let browser = Self::open()?;
        browser.go(&format!("http://localhost:{port}{path}"));
        Some(browser)
    }

    /// Loads a page.
    #[track_caller]
    pub fn go(&self, url: &str) {
        self.order("url", &json!({ "url": url }));
    }

    /// Evaluates an expression of JavaScript.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        self.order("execute/sync", &json!({ "script": format!("return ({expression});"), "args": [] }))
    }

    /// Evaluates an expression that is a text.
    #[track_caller]
    pub fn text(&self, expression: &str) -> String {
        self.eval(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait(&self, expression: &str) {
        let is_true = || self.eval(expression).as_bool() == Some(true);
        assert!(comes_true(is_true), "waited in vain for {expression} in\n{}", self.text("document.body.innerText"));
    }

    /// Clicks, as a mouse does, on the element that a selector of CSS finds: it has to be there to be seen.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let found = self.order("element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().and_then(|found| found.values().next()?.as_str());
        self.order(&format!("element/{}/click", id.expect("an element")), &json!({}));
    }

    /// Presses and releases keys, one after the other, wherever the focus is. `↓`, `↑`, `⏎`, `⎋` and `⇥` are keys
    /// without letters.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let key = |key: char| match key {
            '↓' => '\u{e015}',
            '↑' => '\u{e013}',
            '⏎' => '\u{e007}',
            '⎋' => '\u{e00c}',
            '⇥' => '\u{e004}',
            other => other,
        };
        let strokes = keys
            .chars()
            .map(key)
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })));
        let strokes: Vec<_> = strokes.collect();
        self.order("actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }));
    }

    /// Says yes to the question that the page asks.
    #[track_caller]
    pub fn accept(&self) {
        self.order("alert/accept", &json!({}));
    }

    /// Makes the window as large as a screen of that size.
    pub fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Has the system prefer dark colours.
    pub fn darken(&self) {
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.devtools("Emulation.setEmulatedMedia", &dark);
    }

    /// Runs no scripts of pages any more.
    pub fn forbid_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// Takes a picture, a PNG in base64.
    pub fn picture(&self) -> String {
        self.ask("GET", &format!("{}/screenshot", self.session), &Value::Null).as_str().expect("base64").to_owned()
    }

    /// Lines of the console that are errors, of scripts and of what a policy forbids.
    pub fn complaints(&self) -> Vec<String> {
        let lines = self.order("se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().cloned().unwrap_or_default().into_iter();
        lines.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.order("goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    #[track_caller]
    fn order(&self, what: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}/{what}", self.session), body)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        match self.try_ask(method, path, body) {
            Ok(value) => value,
            Err(why) => panic!("{method} {path} {body}: {why}"),
        }
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let mut connection = Connection::open(self.port);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        connection.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let response = connection.receive().ok_or("the driver does not answer")?;
        let answer: Value = serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
        if response.status == 200 { Ok(answer["value"].clone()) } else { Err(answer["value"]["message"].to_string()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, the driver with the pipe.
        if !self.session.is_empty() {
            let _ = self.try_ask("DELETE", &self.session, &Value::Null);
        }
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Starts the driver: the shell that it ends with, and its port. None where it ends at once.
fn start(driver: &Path) -> Option<(Child, u16)> {
    let mut command = Command::new("sh");
    command.args(["-c", UNTIL_CLOSED, "sh"]).arg(driver).arg("--port=0");
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh can be run");
    let lines = BufReader::new(shell.stdout.take().expect("a pipe")).lines();
    let mut lines = lines.map(|line| line.expect("the driver writes text"));
    let ready = lines.find_map(|line| Some(line.split_once("started successfully on port ")?.1.to_owned()));
    let Some(port) = ready else {
        drop(shell.stdin.take());
        shell.wait().expect("the shell ends");
        return None;
    };
    // It may write more.
    std::thread::spawn(move || lines.for_each(drop));
    Some((shell, port.trim_end_matches('.').parse().expect("the driver's port")))
}

/// Path of a program that is installed.
fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.exists())
}

//! A config file in the making.

use std::fmt::Write as _;

/// The sections of a config, in order; or a text as a person wrote it.
///
/// `{here}` and `{port}` in any value stand for the sandbox and its free port.
#[derive(Clone, Debug)]
pub struct Config {
    file: String,
    sections: Vec<Section>,
    text: Option<String>,
}

#[derive(Clone, Debug)]
struct Section {
    header: String,
    options: Vec<(String, String)>,
}

/// Both servers, the main interface, the cache and its commands: the lines that stand in people's files today.
const USUAL: &str = "
[supervisord]
nodaemon=true
logfile={here}/supervisord.log
pidfile={here}/supervisord.pid
childlogdir={here}
loglevel=info
[unix_http_server]
file={here}/supervisor.sock
[inet_http_server]
port=127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:cache]
supervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface
[ctlplugin:cache]
supervisor.ctl_factory=supervisor_cache.controllerplugin:make_cache_controllerplugin
[supervisorctl]
serverurl=unix://{here}/supervisor.sock
";

impl Config {
    /// Both HTTP servers without passwords, the cache plugin, and no program.
    pub fn new() -> Self {
        let mut config = Self { file: "supervisord.conf".into(), sections: Vec::new(), text: None };
        for line in USUAL.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(header) => config.section_mut(header).options.clear(),
                None => config.push_last(line),
            }
        }
        config
    }

    /// A file of that name with that text, word for word but for `{here}` and `{port}`.
    ///
    /// It must have the servers of [`Config::new`], at the same places.
    pub fn text(file: &str, text: &str) -> Self {
        Self { file: file.into(), sections: Vec::new(), text: Some(text.into()) }
    }

    /// Adds `[program:name]`. Its logs go into the sandbox unless `lines` say otherwise; see [`Config::section`].
    #[must_use]
    pub fn program(self, name: &str, lines: &str) -> Self {
        let logs = format!("stdout_logfile={{here}}/{name}.out\nstderr_logfile={{here}}/{name}.err");
        let header = format!("program:{name}");
        self.section(&header, &logs).section(&header, lines)
    }

    /// Adds the lines (`key=value` each) to a section, making it where it is not there. A key that is there is
    /// replaced.
    #[must_use]
    pub fn section(mut self, header: &str, lines: &str) -> Self {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line:?} is not key=value"));
            let options = &mut self.section_mut(header).options;
            options.retain(|(other, _)| other != key.trim());
            options.push((key.trim().into(), value.trim().into()));
        }
        self.section_mut(header);
        self
    }

    /// Takes a section out.
    #[must_use]
    pub fn without(mut self, header: &str) -> Self {
        self.sections.retain(|section| section.header != header);
        self
    }

    /// Name and password for both servers and for supervisorctl.
    #[must_use]
    pub fn password(self, username: &str, password: &str) -> Self {
        let lines = format!("username={username}\npassword={password}");
        self.section("unix_http_server", &lines).section("inet_http_server", &lines).section("supervisorctl", &lines)
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text of the file.
    pub fn render(&self, here: &str, port: u16) -> String {
        let text = self.text.clone().unwrap_or_else(|| {
            let mut text = String::new();
            for Section { header, options } in &self.sections {
                let _ = writeln!(text, "[{header}]");
                for (key, value) in options {
                    let _ = writeln!(text, "{key}={value}");
                }
            }
            text
        });
        text.replace("{here}", here).replace("{port}", &port.to_string())
    }

    fn section_mut(&mut self, header: &str) -> &mut Section {
        let index = self.sections.iter().position(|section| section.header == header).unwrap_or_else(|| {
            self.sections.push(Section { header: header.into(), options: Vec::new() });
            self.sections.len() - 1
        });
        &mut self.sections[index]
    }

    fn push_last(&mut self, line: &str) {
        let (key, value) = line.split_once('=').expect("the usual config is key=value");
        let last = self.sections.last_mut().expect("the usual config begins with a header");
        last.options.push((key.into(), value.into()));
    }
}

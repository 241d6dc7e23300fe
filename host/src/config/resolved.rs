//! A resolved config as data: every option by its config name, with the value that it has after defaults, expansion and
//! conversion.
//!
//! Sizes are bytes, times are seconds, modes are octal text as the config has them; `null` is an option that is not
//! set. Passwords are never shown: not those of servers and of `[supervisorctl]`, and not the values of variables and
//! of plugins' options whose names speak of one.

use std::path::Path;

use plugin_api::abi::{Member, Value as PluginValue};
use serde_json::{Map, Value, json};

use super::{
    AutoRestart, ClientConfig, Config, FcgiAddress, FcgiSocket, Group, GroupKind, HttpServer, Level, Logfile, Output,
    PluginSection, Process, ServerAddress, Supervisord, User,
};
use crate::text::signals;

/// Stands for a password.
const HIDDEN: &str = "***";
/// What a name must contain for its value to be hidden.
const SECRETS: [&str; 4] = ["password", "passwd", "secret", "token"];

impl Config {
    /// `file`, `supervisord`, `servers`, `groups`, `programs` (every process of every group), `eventlisteners`,
    /// `fcgi_programs`, `rpcinterfaces`.
    pub fn to_json(&self) -> Value {
        // Of groups of one name only the first is used.
        let mut groups: Vec<&Group> = Vec::new();
        for group in &self.groups {
            if groups.iter().all(|known| known.name != group.name) {
                groups.push(group);
            }
        }
        let of_groups = |object: fn(&Group) -> Option<Value>| -> Vec<Value> {
            groups.iter().filter_map(|group| object(group)).collect()
        };
        let programs = groups.iter().flat_map(|group| {
            group.distinct().into_iter().map(|process| program(group, process, self.supervisord.serverurl.as_deref()))
        });
        json!({
            "file": path(&self.file),
            "supervisord": supervisord(&self.supervisord),
            "servers": self.servers.iter().map(server).collect::<Vec<_>>(),
            "groups": of_groups(group),
            "programs": programs.collect::<Vec<_>>(),
            "eventlisteners": of_groups(eventlistener),
            "fcgi_programs": of_groups(fcgi_program),
            "rpcinterfaces": plugins(&self.rpcinterfaces, "supervisor.rpcinterface_factory"),
        })
    }
}

impl ClientConfig {
    /// The options of `[supervisorctl]`, and `ctlplugins`.
    pub fn to_json(&self) -> Value {
        json!({
            "serverurl": self.serverurl,
            "prompt": self.prompt,
            "username": self.username,
            "password": self.password.as_ref().map(|_| HIDDEN),
            "history_file": self.history_file.as_deref().map(path),
            "plugin_path": self.plugin_path.iter().map(|directory| path(directory)).collect::<Vec<_>>(),
            "ctlplugins": plugins(&self.ctlplugins, "supervisor.ctl_factory"),
        })
    }
}

fn supervisord(it: &Supervisord) -> Value {
    json!({
        "minfds": it.minfds,
        "minprocs": it.minprocs,
        "directory": it.directory.as_deref().map(path),
        "user": user(it.user.as_ref()),
        "umask": octal(it.umask),
        "logfile": logfile(&it.logfile),
        "logfile_maxbytes": it.logfile_maxbytes,
        "logfile_backups": it.logfile_backups,
        "loglevel": level(it.loglevel),
        "pidfile": path(&it.pidfile),
        "identifier": it.identifier,
        "nodaemon": it.nodaemon,
        "silent": it.silent,
        "childlogdir": path(&it.childlogdir),
        "nocleanup": it.nocleanup,
        "strip_ansi": it.strip_ansi,
        "environment": environment(&it.environment),
        "plugin_path": it.plugin_path.iter().map(|directory| path(directory)).collect::<Vec<_>>(),
        "plugin_data_dir": it.plugin_data().as_deref().map(path),
    })
}

fn server(it: &HttpServer) -> Value {
    let mut server = match &it.address {
        ServerAddress::Inet { host, port, allowed_hosts, .. } => json!({
            "section": it.section,
            "port": format!("{}:{port}", if host.is_empty() { "*" } else { host }),
            "allowed_hosts": allowed_hosts,
        }),
        ServerAddress::Unix { file, chmod, uid, gid } => json!({
            "section": it.section,
            "file": path(file),
            "chmod": octal(*chmod),
            "chown": owner(uid.map(|uid| (uid, *gid))),
        }),
    };
    server["username"] = json!(it.credentials.as_ref().map(|credentials| &credentials.username));
    server["password"] = json!(it.credentials.as_ref().map(|_| HIDDEN));
    server
}

fn names(group: &Group) -> Vec<&str> {
    group.distinct().into_iter().map(|process| process.name.as_str()).collect()
}

fn kind(group: &Group) -> &'static str {
    match group.kind {
        GroupKind::Programs => "program",
        GroupKind::EventListener(_) => "eventlistener",
        GroupKind::Fcgi(_) => "fcgi-program",
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the other kinds of group are not always there")]
fn group(it: &Group) -> Option<Value> {
    Some(json!({ "name": it.name, "kind": kind(it), "priority": it.priority, "processes": names(it) }))
}

fn eventlistener(it: &Group) -> Option<Value> {
    let GroupKind::EventListener(pool) = &it.kind else { return None };
    Some(json!({
        "name": it.name,
        "priority": it.priority,
        "buffer_size": pool.buffer_size,
        "events": pool.events.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "result_handler": pool.result_handler.text,
        "processes": names(it),
    }))
}

fn fcgi_program(it: &Group) -> Option<Value> {
    let GroupKind::Fcgi(socket) = &it.kind else { return None };
    let FcgiSocket { address, backlog } = socket;
    let (socket_owner, socket_mode) = match address {
        FcgiAddress::Unix { owner: of, mode, .. } => (owner(*of), Some(octal(*mode))),
        FcgiAddress::Tcp { .. } => (None, None),
    };
    Some(json!({
        "name": it.name,
        "priority": it.priority,
        "socket": socket.to_string(),
        "socket_backlog": backlog,
        "socket_owner": socket_owner,
        "socket_mode": socket_mode,
        "processes": names(it),
    }))
}

fn program(group: &Group, it: &Process, default_serverurl: Option<&str>) -> Value {
    let mut program = json!({
        "group": group.name,
        "name": it.name,
        "kind": kind(group),
        "command": it.command,
        "process_name": it.name,
        "numprocs": it.numbering.numprocs,
        "numprocs_start": it.numbering.numprocs_start,
        "priority": it.priority,
        "autostart": it.autostart,
        "autorestart": match it.autorestart {
            AutoRestart::Never => json!(false),
            AutoRestart::Unexpected => json!("unexpected"),
            AutoRestart::Always => json!(true),
        },
        "startsecs": it.startsecs,
        "startretries": it.startretries,
        "stopsignal": signals::name(it.stopsignal).trim_start_matches("SIG"),
        "stopwaitsecs": it.stopwaitsecs,
        "stopasgroup": it.stopasgroup,
        "killasgroup": it.killasgroup,
        "exitcodes": it.exitcodes,
        "redirect_stderr": it.redirect_stderr,
        "environment": environment(&it.environment),
        "serverurl": it.serverurl.as_deref().or(default_serverurl),
        "user": user(it.user.as_ref()),
        "umask": it.umask.map(octal),
        "directory": it.directory.as_deref().map(path),
    });
    for (channel, output) in [("stdout", &it.stdout), ("stderr", &it.stderr)] {
        let Output { logfile: file, maxbytes, backups, capture_maxbytes, events_enabled, syslog } = output;
        for (option, value) in [
            ("logfile", json!(logfile(file))),
            ("logfile_maxbytes", json!(maxbytes)),
            ("logfile_backups", json!(backups)),
            ("capture_maxbytes", json!(capture_maxbytes)),
            ("events_enabled", json!(events_enabled)),
            ("syslog", json!(syslog)),
        ] {
            program[format!("{channel}_{option}")] = value;
        }
    }
    program
}

fn plugins(sections: &[PluginSection], factory_key: &str) -> Vec<Value> {
    let plugin = |section: &PluginSection| {
        let mut plugin = Map::from_iter([
            ("name".to_owned(), json!(section.name)),
            (factory_key.to_owned(), json!(section.factory.text)),
        ]);
        plugin.extend(members(&section.options));
        Value::Object(plugin)
    };
    sections.iter().map(plugin).collect()
}

fn members(members: &[Member]) -> Map<String, Value> {
    let member = |member: &Member| {
        (member.name.to_string(), hidden(&member.name).unwrap_or_else(|| plugin_value(&member.value)))
    };
    members.iter().map(member).collect()
}

/// A value of a plugin's option: from TOML it has a type.
fn plugin_value(value: &PluginValue) -> Value {
    match value {
        PluginValue::Nil => Value::Null,
        PluginValue::Bool(it) => json!(it),
        PluginValue::Int(it) => json!(it),
        PluginValue::Int64(it) => json!(it),
        PluginValue::Double(it) => json!(it),
        PluginValue::String(it) | PluginValue::DateTime(it) => json!(it.as_str()),
        PluginValue::Shared(it) => json!(it.as_str()),
        PluginValue::Base64(it) => json!(it.as_slice()),
        PluginValue::Array(items) => items.iter().map(plugin_value).collect(),
        PluginValue::Struct(all) => Value::Object(members(all)),
    }
}

fn environment(variables: &[(String, String)]) -> Map<String, Value> {
    variables.iter().map(|(name, value)| (name.clone(), hidden(name).unwrap_or_else(|| json!(value)))).collect()
}

/// What stands for a value that is not for all eyes.
fn hidden(name: &str) -> Option<Value> {
    let name = name.to_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret)).then(|| json!(HIDDEN))
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// As the config spells it.
fn logfile(it: &Logfile) -> String {
    match it {
        Logfile::None => "NONE".to_owned(),
        Logfile::Auto => "AUTO".to_owned(),
        Logfile::Syslog => "syslog".to_owned(),
        Logfile::Path(file) => path(file),
    }
}

fn level(it: Level) -> &'static str {
    match it {
        Level::Blather => "blather",
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
    }
}

fn user(it: Option<&User>) -> Option<&str> {
    it.map(|user| user.name.as_str())
}

fn octal(mode: u32) -> String {
    format!("{mode:03o}")
}

fn owner(owner: Option<(u32, Option<u32>)>) -> Option<String> {
    owner.map(|(uid, gid)| gid.map_or_else(|| uid.to_string(), |gid| format!("{uid}:{gid}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        options::{self, eventlistener, fcgi_program, inet_http_server, supervisorctl, unix_http_server},
        testing::Files,
    };

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    fn sorted<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    const ALL: &str = "[program:p]\ncommand=p\nenvironment=A=1,DB_PASSWORD=tiger\n\
        [eventlistener:l]\ncommand=l\nevents=TICK_5\n\
        [fcgi-program:f]\ncommand=f\nsocket=unix:///tmp/f\n[group:g]\nprograms=p\n\
        [inet_http_server]\nport=:9001\nusername=u\npassword=tiger\n[unix_http_server]\nfile=/tmp/s\n\
        [rpcinterface:r]\nsupervisor.rpcinterface_factory=r:make\napi_token=tiger\nsize=5\n\
        [supervisorctl]\nusername=u\npassword=tiger\n";

    #[test]
    fn every_option_is_there_by_its_name() {
        let files = Files::with(ALL);
        let all = files.load().to_json();
        assert_eq!(keys(&all["supervisord"]), options::supervisord::KEYS);
        let of_process = ["group", "name", "kind"];
        assert_eq!(
            sorted(keys(&all["programs"][0])),
            sorted(options::program::KEYS.iter().chain(&of_process).copied())
        );
        let own = ["name", "processes", "priority"];
        for (object, options) in
            [(&all["eventlisteners"][0], eventlistener::KEYS), (&all["fcgi_programs"][0], fcgi_program::KEYS)]
        {
            assert_eq!(sorted(keys(object)), sorted(options.iter().chain(&own).copied()));
        }
        for (index, options) in [(0, inet_http_server::KEYS), (1, unix_http_server::KEYS)] {
            assert_eq!(sorted(keys(&all["servers"][index])), sorted(options.iter().chain(&["section"]).copied()));
        }
        let client = files.load_client().unwrap().to_json();
        assert_eq!(sorted(keys(&client)), sorted(supervisorctl::KEYS.iter().chain(&["ctlplugins"]).copied()));
    }

    #[test]
    fn values_are_what_runs() {
        let all = Files::with(ALL).load().to_json();
        let programs = all["programs"].as_array().unwrap();
        let shown = |it: &Value| {
            [&it["group"], &it["name"], &it["kind"]].map(|text| text.as_str().unwrap_or_default().to_owned()).join(" ")
        };
        assert_eq!(
            programs.iter().map(shown).collect::<Vec<_>>(),
            ["l l eventlistener", "f f fcgi-program", "g p program"]
        );
        let p = &programs[2];
        assert_eq!(p["stopsignal"], "TERM");
        assert_eq!(p["exitcodes"], json!([0]));
        assert_eq!(p["stdout_logfile_maxbytes"], 50 << 20);
        assert_eq!(p["autorestart"], "unexpected");
        assert_eq!(p["serverurl"], "unix:///tmp/s");
        assert_eq!(all["fcgi_programs"][0]["socket_mode"], "700");
        assert_eq!(all["servers"][0]["port"], "*:9001");
        assert_eq!(all["rpcinterfaces"][0]["size"], "5");
    }

    #[test]
    fn passwords_are_not_shown() {
        let files = Files::with(ALL);
        let shown = files.load().to_json().to_string() + &files.load_client().unwrap().to_json().to_string();
        assert!(!shown.contains("tiger"));
        assert_eq!(shown.matches(HIDDEN).count(), 4);
    }
}

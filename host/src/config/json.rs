//! A resolved config as data: every option by its config name, with the value that it has after defaults, expansion and
//! conversion, as [`show`](super::show) has it; `null` is an option that is not set.

use plugin_api::abi::{Member, Value as PluginValue};
use serde_json::{Map, Value, json};

use super::{
    model::{
        ClientConfig, Config, FcgiAddress, FcgiSocket, Group, GroupKind, HttpServer, PluginSection, ServerAddress,
    },
    options::{OutputOptions, Process, Supervisord},
    show::{HIDDEN, hidden, inet_address, logfile, octal, path, paths, without_password},
};

impl Config {
    /// Show `file`, `supervisord`, `servers`, `groups`, `programs` (every process of every group), `eventlisteners`,
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
    /// Show the options of `[supervisorctl]`, and `ctlplugins`.
    pub fn to_json(&self) -> Value {
        json!({
            "serverurl": self.serverurl,
            "prompt": self.prompt,
            "username": self.username,
            "password": self.password.as_ref().map(|_| HIDDEN),
            "history_file": self.history_file.as_ref().map(path),
            "plugin_path": paths(&self.plugin_path),
            "ctlplugins": plugins(&self.ctlplugins, "supervisor.ctl_factory"),
        })
    }
}

fn supervisord(it: &Supervisord) -> Value {
    let mut shown = Map::new();
    it.show(&mut shown);
    shown["plugin_data_dir"] = json!(it.plugin_data().as_ref().map(path));
    shown.into()
}

fn server(it: &HttpServer) -> Value {
    let mut server = match &it.address {
        ServerAddress::Inet { host, port, allowed_hosts, .. } => json!({
            "section": it.section,
            "port": inet_address(&(host.clone(), *port)),
            "allowed_hosts": allowed_hosts,
        }),
        ServerAddress::Unix { file, chmod, uid, gid } => json!({
            "section": it.section,
            "file": path(file),
            "chmod": octal(chmod),
            "chown": owner(uid.map(|uid| (uid, *gid))),
        }),
    };
    server["username"] = json!(it.credentials.as_ref().map(|credentials| &credentials.username));
    server["password"] = json!(it.credentials.as_ref().map(|_| HIDDEN));
    server["metrics"] = json!(it.metrics);
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
        FcgiAddress::Unix { owner: of, mode, .. } => (owner(*of), Some(octal(mode))),
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

pub(super) fn program(group: &Group, it: &Process, default_serverurl: Option<&str>) -> Value {
    let mut shown = Map::from_iter(
        [
            ("group", json!(group.name)),
            ("name", json!(it.name)),
            ("kind", json!(kind(group))),
            ("command", json!(it.command)),
            ("process_name", json!(it.name)),
            ("numprocs", json!(it.numbering.numprocs)),
            ("numprocs_start", json!(it.numbering.numprocs_start)),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    it.show(&mut shown);
    shown["serverurl"] = json!(it.serverurl.as_deref().or(default_serverurl));
    for (channel, output) in [("stdout", &it.stdout), ("stderr", &it.stderr)] {
        let OutputOptions {
            logfile: file,
            maxbytes,
            backups,
            capture_maxbytes,
            events_enabled,
            syslog,
            log_format,
            rotate,
        } = output;
        for (option, value) in [
            ("logfile", logfile(file)),
            ("logfile_maxbytes", json!(maxbytes)),
            ("logfile_backups", json!(backups)),
            ("capture_maxbytes", json!(capture_maxbytes)),
            ("events_enabled", json!(events_enabled)),
            ("syslog", json!(syslog)),
            ("log_format", json!(log_format.to_string())),
            ("logfile_rotate", json!(rotate.to_string())),
        ] {
            shown.insert(format!("{channel}_{option}"), value);
        }
    }
    shown.into()
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

/// Show a value of a plugin's option, which from TOML has a type.
fn plugin_value(value: &PluginValue) -> Value {
    match value {
        PluginValue::Nil => Value::Null,
        PluginValue::Bool(it) => json!(it),
        PluginValue::Int(it) => json!(it),
        PluginValue::Int64(it) => json!(it),
        PluginValue::Double(it) => json!(it),
        PluginValue::String(it) | PluginValue::DateTime(it) => json!(without_password(it)),
        PluginValue::Shared(it) => json!(without_password(it)),
        PluginValue::Base64(it) => json!(it.as_slice()),
        PluginValue::Array(items) => items.iter().map(plugin_value).collect(),
        PluginValue::Struct(all) => Value::Object(members(all)),
    }
}

fn owner(owner: Option<(u32, Option<u32>)>) -> Option<String> {
    owner.map(|(uid, gid)| gid.map_or_else(|| uid.to_string(), |gid| format!("{uid}:{gid}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        option::Key,
        options::{self, eventlistener, fcgi_program, inet_http_server, supervisorctl, unix_http_server},
        testing::Files,
    };

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    fn names(keys: &[Key]) -> Vec<&'static str> {
        keys.iter().map(|key| key.name).collect()
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
        url=redis://u:tiger@host/3\n\
        [supervisorctl]\nusername=u\npassword=tiger\n";

    #[test]
    fn every_option_is_there_by_its_name() {
        let files = Files::with(ALL);
        let all = files.load().to_json();
        assert_eq!(keys(&all["supervisord"]), names(options::supervisord::KEYS));
        let of_process = ["group", "name", "kind"];
        assert_eq!(
            sorted(keys(&all["programs"][0])),
            sorted(names(options::program::KEYS).into_iter().chain(of_process))
        );
        let own = ["name", "processes", "priority"];
        for (object, options) in
            [(&all["eventlisteners"][0], eventlistener::KEYS), (&all["fcgi_programs"][0], fcgi_program::KEYS)]
        {
            assert_eq!(sorted(keys(object)), sorted(names(options).into_iter().chain(own)));
        }
        for (index, options) in [(0, inet_http_server::KEYS), (1, unix_http_server::KEYS)] {
            assert_eq!(sorted(keys(&all["servers"][index])), sorted(names(options).into_iter().chain(["section"])));
        }
        let client = files.load_client().unwrap().to_json();
        assert_eq!(sorted(keys(&client)), sorted(names(supervisorctl::KEYS).into_iter().chain(["ctlplugins"])));
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
        assert_eq!(shown.matches(HIDDEN).count(), 5);
    }
}

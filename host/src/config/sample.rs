//! What `echo_supervisord_conf` prints.

/// A configuration to start from, with every option and its default.
pub const SAMPLE: &str = include_str!("sample.conf");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::SAMPLE;
    use crate::config::{
        ini,
        options::{
            self, eventlistener, fcgi_program, group, include, inet_http_server, supervisorctl, supervisord,
            unix_http_server,
        },
        sections::{Section, Sections},
        testing::Files,
        unknown,
    };

    /// The sample with every commented option in force.
    fn uncommented() -> String {
        let line = |line: &str| match line.strip_prefix(';') {
            Some(option) if !option.starts_with(' ') => format!("{option}\n"),
            _ => format!("{line}\n"),
        };
        SAMPLE.lines().map(line).collect()
    }

    fn read(text: &str) -> Sections {
        let mut sections = Sections::default();
        ini::read(text, &"sample.conf".into(), &mut sections).unwrap();
        sections
    }

    /// The options of a section and the texts behind them.
    fn options_of(section: &Section) -> BTreeMap<String, String> {
        section.own_entries().map(|(key, entry)| (key.to_owned(), format!("{:?}", entry.raw))).collect()
    }

    #[test]
    fn the_sample_and_the_table_of_options_agree() {
        let text = uncommented();
        let sections = read(&text);
        for (name, table) in [
            ("supervisord", supervisord::DEFAULTS),
            ("supervisorctl", supervisorctl::DEFAULTS),
            ("unix_http_server", unix_http_server::DEFAULTS),
            ("inet_http_server", inet_http_server::DEFAULTS),
            ("program:example", options::program::DEFAULTS),
            ("group:tools", group::DEFAULTS),
            ("include", include::DEFAULTS),
            ("eventlistener:example", eventlistener::DEFAULTS),
            ("fcgi-program:example", fcgi_program::DEFAULTS),
        ] {
            let section = sections.get(name).unwrap_or_else(|| panic!("[{name}] is missing"));
            let shown = options_of(section);
            for (key, default) in table {
                let value = shown.get(*key).unwrap_or_else(|| panic!("{key} is missing in [{name}]"));
                let line = section.entry(key).unwrap().place.line;
                let is_example = text.lines().nth(line - 1).unwrap().contains("; example");
                let is_required = key == &"serverurl" && name == "supervisorctl";
                match default {
                    Some(default) if !is_example && !is_required => {
                        assert_eq!(*value, format!("Text({default:?})"), "{key} in [{name}]");
                    }
                    // `programs=` and `events=` are empty by default, of which an example says more.
                    Some(default) => assert!(default.is_empty() || is_required, "{key} in [{name}] has a default"),
                    None => {}
                }
            }
            for (key, _) in section.own_entries() {
                let is_known = table.iter().any(|(known, _)| *known == key)
                    || name.contains(':') && options::program::KEYS.contains(&key);
                assert!(is_known, "[{name}] has no option {key}");
            }
        }
        assert_eq!(unknown::warnings(&sections), []);
    }

    /// What is said to be the default where the table has none, because it depends on something.
    #[test]
    fn what_is_shown_as_a_default_is_one() {
        let config = |text: &str| Files::with(text).load().to_json();
        let program = "[program:example]\ncommand=x\n";
        let text = uncommented();
        let of_program = text.split("[program:example]\n").nth(1).and_then(|rest| rest.split("\n\n").next());
        let lines = of_program.unwrap().lines().filter(|line| !line.contains("; example"));
        let own = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(config(&format!("{program}{own}"))["programs"], config(program)["programs"]);
        let socket = "[unix_http_server]\nfile=/tmp/s\n";
        assert_eq!(config(&format!("{socket}chmod=0700\n"))["servers"], config(socket)["servers"]);
        let fcgi = "[fcgi-program:example]\ncommand=x\nsocket=unix:///tmp/s\n";
        assert_eq!(config(&format!("{fcgi}socket_mode=0700\n"))["fcgi_programs"], config(fcgi)["fcgi_programs"]);
    }

    #[test]
    fn the_sample_is_a_config() {
        let files = Files::ini(SAMPLE);
        let config = files.load();
        assert_eq!(config.messages, []);
        assert_eq!((config.servers.len(), config.rpcinterfaces.len(), config.groups.len()), (1, 1, 0));
        assert_eq!(config.to_json()["supervisord"], Files::with("").load().to_json()["supervisord"]);
        assert_eq!(files.load_client().unwrap().serverurl, "unix:///tmp/supervisor.sock");
    }
}

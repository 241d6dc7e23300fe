//! The configuration that `echo_supervisord_conf` prints.

use super::{
    option::Key,
    options::{SECTIONS, SectionKind},
};

/// The sample without the options that the table knows: `{startsecs}` stands for one. Those that are not named there
/// follow behind the last line of their section.
const TEMPLATE: &str = include_str!("sample.conf");

/// Column at which explanations begin.
const COMMENT_COLUMN: usize = 40;

/// Write a configuration to start from, with every option and its default.
pub fn sample() -> String {
    TEMPLATE.split_inclusive("\n\n").map(block).collect()
}

/// Write the lines up to the next empty one, at most one section among them.
fn block(template: &str) -> String {
    let Some(kind) = template.lines().find_map(kind_of) else { return template.to_owned() };
    let mut text = String::new();
    let mut left: Vec<&Key> = kind.own.iter().collect();
    for template in template.trim_end().lines() {
        let (semicolon, name) = template.strip_prefix(';').map_or(("", template), |name| (";", name));
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        let key = name.and_then(|name| kind.own.iter().find(|key| key.name == name));
        left.retain(|key| Some(key.name) != name && !template.starts_with(&format!("{}=", key.name)));
        text += &key.map_or_else(|| template.to_owned(), |key| line(semicolon, key));
        text.push('\n');
    }
    for key in left {
        text += &line(";", key);
        text.push('\n');
    }
    text + &template[template.trim_end().len() + 1..]
}

/// Find the kind of section that a header opens: `[program:example]` or, commented out, `;[program:example]`.
fn kind_of(header: &str) -> Option<&'static SectionKind> {
    let name = header.trim_start_matches(';').strip_prefix('[')?.strip_suffix(']')?;
    let kind = name.find(':').map_or(name, |colon| &name[..=colon]);
    SECTIONS.iter().find(|known| known.name == kind)
}

/// Write the line of an option: its value and its explanation.
fn line(semicolon: &str, key: &Key) -> String {
    let option = format!("{semicolon}{}={}", key.name, key.example.or(key.default).unwrap_or_default());
    match (key.example, key.comment) {
        (None, "") => option,
        (None, comment) => format!("{option:COMMENT_COLUMN$}; {comment}"),
        (Some(_), "") => format!("{option:COMMENT_COLUMN$}; example"),
        (Some(_), comment) => format!("{option:COMMENT_COLUMN$}; example; {comment}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
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
        sample().lines().map(line).collect()
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
            ("supervisord", supervisord::KEYS),
            ("supervisorctl", supervisorctl::KEYS),
            ("unix_http_server", unix_http_server::KEYS),
            ("inet_http_server", inet_http_server::KEYS),
            ("program:example", options::program::KEYS),
            ("group:tools", group::KEYS),
            ("include", include::KEYS),
            ("eventlistener:example", eventlistener::KEYS),
            ("fcgi-program:example", fcgi_program::KEYS),
        ] {
            let section = sections.get(name).unwrap_or_else(|| panic!("[{name}] is missing"));
            let shown = options_of(section);
            for Key { name: key, default, .. } in table {
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
                let is_known = table.iter().any(|known| known.name == key)
                    || name.contains(':') && options::program::KEYS.iter().any(|known| known.name == key);
                assert!(is_known, "[{name}] has no option {key}");
            }
        }
        assert_eq!(unknown::warnings(&sections), []);
    }

    #[test]
    fn an_option_that_the_template_does_not_name_follows_the_others() {
        assert_eq!(
            block("; A group.\n;[group:x]\n;{priority}\n\n"),
            "; A group.\n;[group:x]\n;priority=999\n;programs=one,two                       ; example\n\
             ;depends_on=rsyslogd                    ; example; of each of its programs, too\n\
             ;update=restart                         ; minimal: of each of its programs\n\n"
        );
    }

    /// Defaults that are only said to be some where the table has none, because it depends on something.
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
        let files = Files::ini(&sample());
        let config = files.load();
        assert_eq!(config.messages, []);
        assert_eq!((config.servers.len(), config.rpcinterfaces.len(), config.groups.len()), (1, 1, 0));
        assert_eq!(config.to_json()["supervisord"], Files::with("").load().to_json()["supervisord"]);
        assert_eq!(files.load_client().unwrap().serverurl, "unix:///tmp/supervisor.sock");
    }
}

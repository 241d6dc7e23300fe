//! Keys and sections that nobody knows. Supervisor accepts them without a word, so they are no errors; but most are
//! slips, so the log says what was probably meant.

use super::{
    Level, Message,
    error::Place,
    options::{
        eventlistener, fcgi_program, group, include, inet_http_server, program, supervisorctl, supervisord,
        unix_http_server,
    },
    sections::{Section, Sections},
};
use crate::text::nearest::nearest;

/// The keys of each kind of section whose keys are known. A kind that ends in a colon has names; so may the servers.
const KNOWN: [(&str, &[&[&str]]); 9] = [
    ("supervisord", &[supervisord::KEYS]),
    ("supervisorctl", &[supervisorctl::KEYS]),
    ("include", &[include::KEYS]),
    ("inet_http_server", &[inet_http_server::KEYS]),
    ("unix_http_server", &[unix_http_server::KEYS]),
    ("program:", &[program::KEYS]),
    ("group:", &[group::KEYS]),
    ("eventlistener:", &[program::KEYS, eventlistener::KEYS]),
    ("fcgi-program:", &[program::KEYS, fcgi_program::KEYS]),
];

/// Sections whose keys belong to a plugin, which judges them itself.
const PLUGINS: [&str; 2] = ["rpcinterface:", "ctlplugin:"];

/// What Supervisor documents as an option of its command line only, so that in the file it has never done anything.
const COMMAND_LINE_ONLY: &str = "profile_options";

/// A warning for each unknown section and each unknown key of `sections`.
pub(super) fn warnings(sections: &Sections) -> Vec<Message> {
    sections.iter().flat_map(in_section).map(|text| Message { level: Level::Warn, text }).collect()
}

/// A warning for each unknown key of one section, or for the section.
pub(super) fn in_section(section: &Section) -> Vec<String> {
    let name = &section.name;
    if PLUGINS.iter().any(|prefix| name.starts_with(prefix)) {
        return Vec::new();
    }
    let known = KNOWN.iter().find(|(kind, _)| match kind.strip_suffix("_http_server") {
        Some(_) => name.starts_with(kind),
        None if kind.ends_with(':') => name.starts_with(kind),
        None => name == kind,
    });
    let Some((_, keys)) = known else { return vec![unknown_section(name, &section.place)] };
    section
        .own_entries()
        .filter(|(key, _)| !keys.iter().any(|keys| keys.contains(key)))
        .map(|(key, entry)| {
            let mut unknown = format!("unknown key '{key}' in [{name}]");
            if entry.place.is_in_file() {
                unknown = format!("{unknown} ({})", entry.place);
            }
            if name == "supervisord" && key == COMMAND_LINE_ONLY {
                return format!("{unknown}; it is an option of the command line only");
            }
            let known = keys.iter().flat_map(|keys| keys.iter().copied());
            suggest(unknown, nearest(key, known).map(|known| format!("'{known}'")))
        })
        .collect()
}

fn unknown_section(name: &str, place: &Place) -> String {
    let (kind, rest) = name.split_once(':').map_or((name, None), |(kind, rest)| (kind, Some(rest)));
    let kinds = KNOWN.iter().map(|(kind, _)| kind).chain(&PLUGINS).map(|kind| kind.trim_end_matches(':'));
    let suggestion = nearest(kind, kinds).map(|kind| match rest {
        Some(rest) => format!("[{kind}:{rest}]"),
        None if KNOWN.iter().any(|(known, _)| *known == kind) => format!("[{kind}]"),
        None => format!("[{kind}:NAME]"),
    });
    suggest(format!("unknown section [{name}] ({place})"), suggestion)
}

fn suggest(unknown: String, suggestion: Option<String>) -> String {
    match suggestion {
        Some(known) => format!("{unknown}; did you mean {known}?"),
        None => unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ini;

    fn warnings_of(text: &str) -> Vec<String> {
        let mut sections = Sections::default();
        ini::read(text, &"x.conf".into(), &mut sections).unwrap();
        warnings(&sections).into_iter().map(|message| message.text).collect()
    }

    #[test]
    fn unknown_keys_name_place_and_nearest() {
        assert_eq!(
            warnings_of("[program:x]\ncommand=a\nuser=b\ncomand=c\nzzz=1\n[supervisord]\nprofile_options=x\n"),
            [
                "unknown key 'comand' in [program:x] (x.conf, line 4); did you mean 'command'?",
                "unknown key 'zzz' in [program:x] (x.conf, line 5)",
                "unknown key 'profile_options' in [supervisord] (x.conf, line 7); it is an option of the command line only",
            ]
        );
    }

    #[test]
    fn unknown_sections_name_place_and_nearest() {
        assert_eq!(
            warnings_of("[progam:x]\nfoo=1\n[supervisor]\n[program]\n[something else]\n"),
            [
                "unknown section [progam:x] (x.conf, line 1); did you mean [program:x]?",
                "unknown section [supervisor] (x.conf, line 3); did you mean [supervisord]?",
                "unknown section [program] (x.conf, line 4); did you mean [program:NAME]?",
                "unknown section [something else] (x.conf, line 5)",
            ]
        );
    }

    #[test]
    fn what_is_known_or_a_plugins_is_passed_over() {
        let text = "[DEFAULT]\nfoo=1\n[inet_http_server:x]\nport=1\n[eventlistener:l]\nevents=a\ncommand=b\n\
                    [rpcinterface:x]\nanything=1\n[fcgi-program:x]\nsocket=1\n[supervisorctl]\nplugin_path=x\n";
        assert_eq!(warnings_of(text), Vec::<String>::new());
    }
}

//! Keys and sections that nobody knows. Supervisor accepts them without a word, so they are no errors; but most are
//! slips, so the log says what was probably meant.

use std::fmt;

use super::{
    error::Place,
    options::{SECTIONS, SectionKind},
    sections::{Section, Sections},
    types::{Level, Message},
};
use crate::text::nearest::nearest;

/// Sections whose keys belong to a plugin, which judges them itself.
const PLUGINS: [&str; 2] = ["rpcinterface:", "ctlplugin:"];

/// Option that Supervisor documents for its command line only, so that in the file it has never done anything.
const COMMAND_LINE_ONLY: &str = "profile_options";

/// Unknown keys of one name, or sections of one kind: a tool of its own may have put them into every program.
struct Unknown {
    what: What,
    /// Name of the section in which the key stands first, or of the first section.
    section: String,
    place: Place,
    /// Text behind the place: what was probably meant, or what is right.
    hint: String,
    count: usize,
}

#[derive(PartialEq, Eq)]
enum What {
    Key(String),
    /// A kind of section: the part of its name before the colon, or the whole name.
    Section(String),
}

/// Make a warning for each unknown kind of section and each unknown key of `sections`.
pub(super) fn warnings(sections: &Sections) -> Vec<Message> {
    in_words(sections.iter()).into_iter().map(|text| Message { level: Level::Warn, text }).collect()
}

/// Make a warning for each unknown key of one section, or for the section.
pub(super) fn in_section(section: &Section) -> Vec<String> {
    in_words(std::iter::once(section))
}

fn in_words<'a>(sections: impl Iterator<Item = &'a Section>) -> Vec<String> {
    let mut all: Vec<Unknown> = Vec::new();
    for unknown in sections.flat_map(found) {
        match all.iter_mut().find(|known| known.what == unknown.what) {
            Some(known) => known.count += 1,
            None => all.push(unknown),
        }
    }
    all.iter().map(ToString::to_string).collect()
}

/// Find what nobody knows in one section.
fn found(section: &Section) -> Vec<Unknown> {
    let name = &section.name;
    if PLUGINS.iter().any(|prefix| name.starts_with(prefix)) {
        return Vec::new();
    }
    let is_of = |kind: &&SectionKind| {
        let has_names = kind.name.ends_with(':') || kind.name.ends_with("_http_server");
        if has_names { name.starts_with(kind.name) } else { name == kind.name }
    };
    let Some(kind) = SECTIONS.iter().find(is_of) else { return vec![unknown_section(section)] };
    let known = || kind.shared.iter().chain(kind.own).map(|key| key.name);
    section
        .own_entries()
        .filter(|(key, _)| !known().any(|known| known == *key))
        .map(|(key, entry)| {
            let hint = if name == "supervisord" && key == COMMAND_LINE_ONLY {
                "; it is an option of the command line only".to_owned()
            } else {
                did_you_mean(nearest(key, known()).map(|known| format!("'{known}'")))
            };
            let what = What::Key(key.to_owned());
            Unknown { what, section: name.clone(), place: entry.place.clone(), hint, count: 1 }
        })
        .collect()
}

fn unknown_section(section: &Section) -> Unknown {
    let name = &section.name;
    let (kind, rest) = name.split_once(':').map_or((name.as_str(), None), |(kind, rest)| (kind, Some(rest)));
    let kinds = SECTIONS.iter().map(|kind| kind.name).chain(PLUGINS).map(|kind| kind.trim_end_matches(':'));
    let meant = nearest(kind, kinds).map(|kind| match rest {
        Some(rest) => format!("[{kind}:{rest}]"),
        None if SECTIONS.iter().any(|known| known.name == kind) => format!("[{kind}]"),
        None => format!("[{kind}:NAME]"),
    });
    // One without a colon is not of the kind of one with it.
    let what = What::Section(rest.map_or_else(|| name.clone(), |_| format!("{kind}:")));
    Unknown { what, section: name.clone(), place: section.place.clone(), hint: did_you_mean(meant), count: 1 }
}

fn did_you_mean(meant: Option<String>) -> String {
    meant.map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, section, place, hint, count } = self;
        match (what, count) {
            (What::Key(key), 1) => write!(f, "unknown key '{key}' in [{section}]")?,
            (What::Key(key), _) => write!(f, "unknown key '{key}' in {count} sections, first in [{section}]")?,
            (What::Section(_), 1) => write!(f, "unknown section [{section}]")?,
            (What::Section(kind), _) => write!(f, "{count} unknown sections [{kind}…], first [{section}]")?,
        }
        if place.is_in_file() {
            write!(f, " ({place})")?;
        }
        f.write_str(hint)
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
    fn what_many_sections_have_is_one_line() {
        let program = |n| format!("[program:p{n}]\ncommand=a\nafter=b\n");
        let programs = (1..=80).map(program).collect::<Vec<_>>().concat();
        assert_eq!(
            warnings_of(&format!(
                "{programs}comand=c\n[eventlistener:l]\nafter=b\ncomand=c\n[group:g]\ncomand=c\nprograms=p1\n"
            )),
            [
                "unknown key 'after' in 81 sections, first in [program:p1] (x.conf, line 3)",
                "unknown key 'comand' in 3 sections, first in [program:p80] (x.conf, line 241); did you mean 'command'?",
            ]
        );
        assert_eq!(
            warnings_of("[progam:x]\n[watch]\n[progam:y]\n[watch:x]\n[program:z]\nwatch=1\n[progam]\n"),
            [
                "2 unknown sections [progam:…], first [progam:x] (x.conf, line 1); did you mean [program:x]?",
                "unknown section [watch] (x.conf, line 2)",
                "unknown section [watch:x] (x.conf, line 4)",
                "unknown key 'watch' in [program:z] (x.conf, line 6)",
                "unknown section [progam] (x.conf, line 7); did you mean [program:NAME]?",
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

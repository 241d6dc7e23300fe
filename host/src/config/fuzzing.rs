//! Configs of whatever text, resolved without a look at other files, and values expanded.

use std::{net::IpAddr, sync::Arc};

use super::{
    ConfigError, env_file,
    expand::{Arg, Names},
    ini,
    overrides::Overrides,
    resolve::{self, Surroundings},
    sections::{Raw, Sections},
    toml,
};

/// Digits in a row that ask for a field so wide, or for so many processes, that making them is all that is tested.
const MANY_DIGITS: usize = 4;

/// Read bytes as `supervisord.conf`, and resolve it.
pub fn ini(data: &[u8]) {
    config(data, "/fuzz/supervisord.conf", ini::read);
}

/// Read bytes as `supervisord.toml`, and resolve it.
pub fn toml(data: &[u8]) {
    config(data, "/fuzz/supervisord.toml", toml::read);
}

/// Reader of a dialect.
type Read = fn(&str, &Arc<str>, &mut Sections) -> Result<(), ConfigError>;

fn config(data: &[u8], file: &str, read: Read) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name: Arc<str> = file.into();
    // A carriage return ends a line, too.
    let lines = text.split(['\n', '\r']).count();
    let in_file = |error: &ConfigError| {
        let number = error.place.as_ref().map_or(0, |place| place.line);
        assert!(number <= lines, "line {number} of {lines}: {error}");
    };
    let mut sections = Sections::default();
    if let Err(error) = read(text, &name, &mut sections) {
        return in_file(&error);
    }
    if has_many_digits(text) || leads_elsewhere(&sections) {
        return;
    }
    let resolve = |sections| resolve::of_sections(file, sections, &Overrides::default(), surroundings());
    match resolve(sections.clone()) {
        Ok((config, errors)) => {
            let again = resolve(sections).expect("it could be resolved before");
            assert_eq!(format!("{:?}", (&config, &errors)), format!("{again:?}"), "a config has one meaning");
            errors.err().iter().flatten().for_each(in_file);
            let _ = config.to_json();
        }
        Err(errors) => errors.iter().for_each(in_file),
    }
}

/// Expand a value of whatever text. A percent sign that is doubled comes back as it was.
pub fn expansion(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if has_many_digits(text) {
        return;
    }
    let names = surroundings().names.with([("program_name", "p é".into()), ("process_num", Arg::Int(-7))]);
    let first = names.expand(text, "program:p.command");
    assert_eq!(first, names.expand(text, "program:p.command"), "a value has one meaning");
    assert_eq!(names.expand(&text.replace('%', "%%"), "x").as_deref(), Ok(text), "what is escaped is itself");
}

/// Read bytes as a file of variables. What is read, written between quotes and read again is as it was.
pub fn env_file(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').count();
    match env_file::parse(data) {
        Ok(variables) => {
            let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
            let line = |(name, value): &(String, String)| format!("{name}=\"{}\"\n", quoted(value));
            let again: String = variables.iter().map(line).collect();
            let again = env_file::parse(again.as_bytes()).expect("what was written is right");
            assert_eq!(*again, *variables);
        }
        Err(broken) => assert!((1..=lines).contains(&broken.line), "line {} of {lines}", broken.line),
    }
}

/// Surroundings that are the same everywhere.
fn surroundings() -> Surroundings {
    let names = Names::default().with([("ENV_X", "x".into()), ("ENV_PERCENT", "100%".into())]).freeze();
    Surroundings { names, host_node_name: "thishost".to_owned() }
}

fn has_many_digits(text: &str) -> bool {
    text.contains('%') && text.as_bytes().windows(MANY_DIGITS).any(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// Tell whether other files would be read, or a name server be asked, or thousands of processes be made.
fn leads_elsewhere(sections: &Sections) -> bool {
    let is_far = |(key, raw): (&str, &Raw)| match (key, raw) {
        ("port" | "socket", Raw::Text(text)) => !is_near(text),
        ("env_file", _) => true,
        ("numprocs", Raw::Text(text) | Raw::Scalar(text, _)) => text.len() >= MANY_DIGITS,
        _ => false,
    };
    sections.get("include").is_some()
        || sections.iter().any(|section| sections.entries(section).any(|(key, entry)| is_far((key, &entry.raw))))
}

/// Tell whether an address is one as it stands.
fn is_near(address: &str) -> bool {
    let address = address.trim();
    let host = address.rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.strip_prefix("tcp://").unwrap_or(host).trim_matches(['[', ']']);
    address.starts_with("unix://") || matches!(host, "" | "*") || host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn files_of_variables_pass(text in "[A1_=\"'\\\\$`#; \t\r\n\u{feff}é]{0,40}") {
            super::env_file(text.as_bytes());
        }
    }
}

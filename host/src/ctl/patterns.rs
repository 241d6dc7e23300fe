//! Patterns in place of names: `web_*`, `g:*_0[1-3]`.
//!
//! `*` stands for any characters, `?` for one, `[1-3]` and `[!a]` for one of these or none of these. A pattern with a
//! colon is one for the group and one for the process; one without is for the process alone, whatever its group. What
//! is a name as it stands, `group:*`, `*` and `all` are no patterns; and a pattern that nothing matches is a name that
//! nothing has.

use glob::Pattern;

use super::{
    process_info::{ProcessStatus, all_process_info},
    session::Session,
};
use crate::{text::namespec::split_namespec, xmlrpc::ClientError};

/// Processes that a word of a command means.
pub(super) enum Target {
    /// Word that is to be taken as it is.
    Named(String),
    /// Namespecs of the processes that match the word, at least one, in the server's order.
    Matched(Vec<String>),
}

/// Find what words mean. Where one of them may be a pattern the server is asked for its processes, once.
pub(super) fn targets(session: &Session, words: &[String]) -> Result<Vec<Target>, ClientError> {
    let named = || words.iter().cloned().map(Target::Named).collect();
    if !may_have_patterns(words) {
        return Ok(named());
    }
    Ok(targets_of(&all_process_info(session)?, words))
}

/// Return whether any of the words could be a pattern.
pub(super) fn may_have_patterns(words: &[String]) -> bool {
    words.iter().any(|word| may_be_pattern(word))
}

/// Find what words mean among these processes.
pub(super) fn targets_of(processes: &[ProcessStatus], words: &[String]) -> Vec<Target> {
    let mut taken: Vec<String> = words.iter().filter(|word| !may_be_pattern(word)).cloned().collect();
    let mut target = |word: &String| {
        let found = matching(processes, word);
        if found.is_empty() {
            return Some(Target::Named(word.clone()));
        }
        let mut found: Vec<String> = found.into_iter().map(ProcessStatus::namespec).collect();
        // What stands beside it, too, or matches two patterns, is meant once.
        found.retain(|name| !taken.contains(name));
        taken.extend(found.iter().cloned());
        (!found.is_empty()).then_some(Target::Matched(found))
    };
    words.iter().filter_map(&mut target).collect()
}

/// List the processes that match a pattern: none where it is no pattern.
pub(super) fn matching<'a>(processes: &'a [ProcessStatus], word: &str) -> Vec<&'a ProcessStatus> {
    let (group, process) = split_namespec(word);
    let is_meant = |info: &ProcessStatus| info.group == group && process.is_none_or(|process| info.name == process);
    if !may_be_pattern(word) || processes.iter().any(is_meant) {
        return Vec::new();
    }
    let group = word.contains(':').then(|| pattern(group));
    let process = process.map(pattern);
    let fits = |pattern: &Option<Option<Pattern>>, name: &str| match pattern {
        None => true,
        Some(pattern) => pattern.as_ref().is_some_and(|pattern| pattern.matches(name)),
    };
    processes.iter().filter(|info| fits(&group, &info.group) && fits(&process, &info.name)).collect()
}

/// List the names of groups that match a pattern: none where it is no pattern, or the name of one.
pub(super) fn matching_groups<'a>(groups: impl Iterator<Item = &'a String> + Clone, word: &str) -> Vec<String> {
    if !may_be_pattern(word) || groups.clone().any(|group| group == word) {
        return Vec::new();
    }
    let Some(pattern) = pattern(word) else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for group in groups.filter(|group| pattern.matches(group)) {
        if !found.contains(group) {
            found.push(group.clone());
        }
    }
    found
}

/// Return whether a word could be a pattern: `group:*` and `*` could not.
pub(super) fn may_be_pattern(word: &str) -> bool {
    let (group, process) = split_namespec(word);
    let has_signs = |text: &str| text.contains(['*', '?', '[']);
    // For a star alone there is `all`; a shell that found nothing to put in its place may have left it.
    word != "*" && (has_signs(group) || process.is_some_and(has_signs))
}

/// Read a pattern. Several stars in a row are one; what is left open is no pattern.
fn pattern(text: &str) -> Option<Pattern> {
    let mut text = text.to_owned();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    Pattern::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use plugin_api::Value;

    use super::*;
    use crate::ctl::process_info::process_infos;

    fn processes() -> Vec<ProcessStatus> {
        let names = [("cat", "cat"), ("g", "a_01"), ("g", "a_02"), ("g", "a_04"), ("h", "a_01"), ("odd[1]", "odd[1]")];
        let info = |(group, name): (&str, &str)| Value::structure([("group", group.into()), ("name", name.into())]);
        process_infos(&Value::array(names.into_iter().map(info)))
    }

    fn shown(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        targets_of(&processes(), &words)
            .into_iter()
            .map(|target| match target {
                Target::Named(name) => name,
                Target::Matched(names) => format!("({})", names.join(" ")),
            })
            .collect()
    }

    #[test]
    fn patterns_match_groups_and_processes() {
        for (word, expected) in [
            ("c*", "(cat)"),
            ("ca?", "(cat)"),
            ("a_*", "(g:a_01 g:a_02 g:a_04 h:a_01)"),
            ("g:*_0[1-3]", "(g:a_01 g:a_02)"),
            ("g:a_0[!1]", "(g:a_02 g:a_04)"),
            ("?:a_01", "(g:a_01 h:a_01)"),
            ("[gh]:*", "(g:a_01 g:a_02 g:a_04 h:a_01)"),
            ("h*:", "(h:a_01)"),
            ("?*", "(cat g:a_01 g:a_02 g:a_04 h:a_01 odd[1])"),
            ("*", "*"),
            ("**:***_02", "(g:a_02)"),
            // No patterns, or nothing that matches: names as they stand.
            ("cat", "cat"),
            ("g:*", "g:*"),
            ("g:", "g:"),
            ("odd[1]", "odd[1]"),
            ("odd[1]:*", "odd[1]:*"),
            ("z*", "z*"),
            ("g:z*", "g:z*"),
            ("a_0[1", "a_0[1"),
            ("", ""),
        ] {
            assert_eq!(shown(&[word]), [expected], "{word:?}");
        }
    }

    #[test]
    fn what_is_meant_twice_is_meant_once() {
        assert_eq!(shown(&["g:a_01", "a_*", "g:*_0?", "cat"]), ["g:a_01", "(g:a_02 g:a_04 h:a_01)", "cat"]);
    }

    #[test]
    fn patterns_match_groups() {
        let groups = ["g", "web_1", "web_2", "web_1", "w[1]"].map(str::to_owned);
        assert_eq!(matching_groups(groups.iter(), "web_*"), ["web_1", "web_2"]);
        for none in ["web_1", "w[1]", "x*", "web_[1"] {
            assert!(matching_groups(groups.iter(), none).is_empty(), "{none}");
        }
    }
}

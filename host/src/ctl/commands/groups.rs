//! Groups that the words of `add`, `remove` and `update` mean, patterns among them.

use super::config_changes::ConfigChanges;
use crate::{
    ctl::{
        patterns::{matching_groups, may_have_patterns},
        process_info::{all_process_info, items, number, text},
        session::Session,
    },
    xmlrpc::ClientError,
};

/// Put the groups that match in place of patterns; a word that nothing matches stays as it is. `known` is called only
/// where there could be a pattern.
fn groups(
    words: Vec<String>,
    known: impl FnOnce() -> Result<Vec<String>, ClientError>,
) -> Result<Vec<String>, ClientError> {
    if !may_have_patterns(&words) {
        return Ok(words);
    }
    let known = known()?;
    let mut found: Vec<String> = Vec::new();
    for word in words {
        let matching = matching_groups(known.iter(), &word);
        let names = if matching.is_empty() { vec![word] } else { matching };
        found.extend(names.into_iter().filter(|name| !found.contains(name)).collect::<Vec<_>>());
    }
    Ok(found)
}

/// Find groups that are active.
pub(super) fn active_groups(session: &Session, words: Vec<String>) -> Result<Vec<String>, ClientError> {
    groups(words, || Ok(all_process_info(session)?.into_iter().map(|info| info.group).collect()))
}

/// Find groups that the config has and that are not active.
pub(super) fn inactive_groups(session: &Session, words: Vec<String>) -> Result<Vec<String>, ClientError> {
    groups(words, || {
        let configs = session.call("supervisor.getAllConfigInfo", &[])?;
        let inactive = items(&configs).iter().filter(|config| number(config, "inuse") == 0);
        Ok(inactive.map(|config| text(config, "group")).collect())
    })
}

/// Find groups that are active or differ from the config.
pub(super) fn changed_groups(
    session: &Session,
    words: Vec<String>,
    changes: &ConfigChanges,
) -> Result<Vec<String>, ClientError> {
    groups(words, || {
        let active = all_process_info(session)?.into_iter().map(|info| info.group);
        let differing = [&changes.added, &changes.changed, &changes.removed].into_iter().flatten().cloned();
        Ok(active.chain(differing).collect())
    })
}

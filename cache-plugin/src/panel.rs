//! The cache on supervisord's page: keys, sizes and values, in pages.

use plugin_api::{Fault, Panel, PanelAction, PanelQuery, Value, repr};

use crate::store::{Page, Store, size};

/// Most keys of a page: their values are looked at with them, and an engine may be far away.
const KEYS: usize = 50;

/// Characters of a value that are shown.
const SHOWN: usize = 100;

/// Bytes up to which a value that is no string is written out.
const WRITTEN: u64 = 4096;

/// Make the page that is asked for. What is searched for is the beginning of the keys.
pub(crate) async fn look(store: &dyn Store, query: PanelQuery) -> Result<Panel, Fault> {
    let limit = query.limit.clamp(1, KEYS);
    let after = Some(query.after).filter(|after| !after.is_empty());
    // One more, which tells whether another page follows.
    let page = Page { prefix: query.search, limit: limit + 1, after };
    let mut keys = store.list(page).result().await?;
    let has_more = keys.len() > limit;
    keys.truncate(limit);
    let described =
        store.describe_many(keys.iter().map(|key| key.as_str().into()).collect(), describe).result().await?;
    let info = store.info().result().await?;
    let mut panel = Panel::new(["Key", "Type", "Bytes", "Value"])
        .action(PanelAction::new("Show", "fetch").shown())
        .action(PanelAction::new("Delete", "delete").confirmed())
        .form(PanelAction::new("Store", "store"), ["key", "value"])
        .searchable()
        .note(format!("{} keys, {} bytes ({})", info.keys, info.bytes, info.store));
    for (key, cells) in described {
        panel.push([Value::from(&*key)].into_iter().chain(cells));
    }
    Ok(match keys.pop() {
        Some(last) if has_more => panel.more(last),
        _ => panel,
    })
}

/// Type, bytes and beginning of a value.
fn describe(value: &Value) -> Vec<Value> {
    let size = size(value);
    let bytes = i64::try_from(size).unwrap_or(i64::MAX);
    vec![value.kind_name().into(), bytes.into(), preview(value, size).into()]
}

/// The beginning of a value of that size, on one line.
fn preview(value: &Value, size: u64) -> String {
    let text = match value {
        Value::Base64(_) => return String::new(),
        Value::Array(_) | Value::Struct(_) if size > WRITTEN => return String::new(),
        value => value.as_str().map_or_else(|| repr(value), |text| text.chars().take(SHOWN + 1).collect()),
    };
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

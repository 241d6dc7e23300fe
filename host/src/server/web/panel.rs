//! Panels of plugins as the page's script reads them. A plugin may say anything; what comes out has the form that the
//! script relies on.

use plugin_api::Fault;
use serde_json::{Value, json};

/// Most rows that are shown of a panel.
const ROWS: usize = 1000;

/// Bring a panel, the answer of the hook of that full name, into the form of a page. `FAILED` where it is no panel.
pub(super) fn shown(hook: &str, panel: &Value) -> Result<Value, Fault> {
    let namespace = hook.split('.').next().unwrap_or_default();
    let list = |name: &str| panel.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let columns: Vec<_> = list("columns").into_iter().filter(Value::is_string).collect();
    if columns.is_empty() {
        return Err(Fault::failed_with(format_args!("{hook} has returned no panel: there are no columns")));
    }
    let mut rows: Vec<_> = list("rows").into_iter().filter(Value::is_array).collect();
    let left_out = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let note = panel["note"].as_str().unwrap_or_default();
    let note = match left_out {
        0 => note.to_owned(),
        count => format!("{note} ({count} rows are left out)"),
    };
    Ok(json!({
        "columns": columns,
        "rows": rows,
        "actions": list("actions").iter().filter_map(|it| action(namespace, it)).collect::<Vec<_>>(),
        "forms": list("forms").iter().filter_map(|it| action(namespace, it)).collect::<Vec<_>>(),
        "note": note,
        "after": panel["after"].as_str(),
        "searches": panel["searches"] == true,
    }))
}

/// Bring a button into form: its method gets the full name.
fn action(namespace: &str, action: &Value) -> Option<Value> {
    let fields = action["fields"].as_array().into_iter().flatten().filter(|field| field.is_string());
    Some(json!({
        "label": action["label"].as_str()?,
        "method": format!("{namespace}.{}", action["method"].as_str()?),
        "confirm": action["confirm"] == true,
        "shows": action["shows"] == true,
        "fields": fields.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_panel_is_a_fault_and_what_is_odd_is_left_out() {
        for value in [Value::Null, json!(5), json!([]), json!({}), json!({ "columns": [5] })] {
            assert!(shown("a._panel_x", &value).is_err());
        }
        let odd = json!({
            "columns": ["Key", 5],
            "rows": [["k", 1], "no row", 7],
            "actions": [{ "label": "Delete", "method": "delete", "confirm": true }, { "label": "Nothing" }, 5],
            "forms": [{ "label": "Store", "method": "store", "fields": ["key", 5] }],
            "note": 5,
            "after": {},
        });
        let shown = shown("cache._panel_x", &odd).unwrap();
        assert_eq!(shown["columns"], json!(["Key"]));
        assert_eq!(shown["rows"], json!([["k", 1]]));
        assert_eq!(shown["actions"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            (&shown["actions"][0]["method"], &shown["actions"][0]["confirm"]),
            (&json!("cache.delete"), &json!(true))
        );
        assert_eq!(shown["forms"][0]["fields"], json!(["key"]));
        assert_eq!((&shown["note"], &shown["after"], &shown["searches"]), (&json!(""), &Value::Null, &json!(false)));
    }

    #[test]
    fn too_many_rows_are_cut_off_and_counted() {
        let many = json!({ "columns": ["N"], "rows": (0..ROWS + 5).map(|number| json!([number])).collect::<Vec<_>>() });
        let shown = shown("a._panel_x", &many).unwrap();
        assert_eq!(shown["rows"].as_array().map(Vec::len), Some(ROWS));
        assert_eq!(shown["note"], json!(" (5 rows are left out)"));
    }
}

//! Panels: tables of a plugin on supervisord's page.

use serde::{Deserialize, Serialize};

use crate::{
    FromValue, IntoValue,
    abi::{Member, Value},
};

/// Part of a panel that a page asks for. Further fields may come, and an older supervisord leaves some out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromValue, IntoValue)]
#[serde(default)]
#[non_exhaustive]
pub struct PanelQuery {
    /// Text in the panel's search field; empty where nothing is searched for.
    pub search: String,
    /// Text that [`Panel::more`] was given by the page before; empty for the first page.
    pub after: String,
    /// The most rows that are shown at once.
    pub limit: usize,
}

impl Default for PanelQuery {
    fn default() -> Self {
        Self { search: String::new(), after: String::new(), limit: 100 }
    }
}

/// A table on supervisord's page, with buttons that call the plugin's own methods.
///
/// ```
/// use std::{collections::BTreeMap, sync::Mutex};
///
/// use plugin_api::{Panel, PanelAction, PanelQuery, Value, rpc_interface};
///
/// #[derive(Default)]
/// struct Board(Mutex<BTreeMap<String, String>>);
///
/// #[rpc_interface]
/// impl Board {
///     pub fn pin(&self, name: String, note: String) {
///         self.0.lock().unwrap().insert(name, note);
///     }
///
///     pub fn unpin(&self, name: String) {
///         self.0.lock().unwrap().remove(&name);
///     }
///
///     #[rpc(panel = "Board")]
///     fn panel(&self, query: PanelQuery) -> Panel {
///         let notes = self.0.lock().unwrap();
///         let mut panel = Panel::new(["Name", "Note"])
///             .action(PanelAction::new("Unpin", "unpin").confirmed())
///             .form(PanelAction::new("Pin", "pin"), ["name", "note"])
///             .searchable();
///         for (name, note) in notes.iter().filter(|(name, _)| name.contains(&query.search)).take(query.limit) {
///             panel.push([name.as_str(), note]);
///         }
///         panel
///     }
/// }
///
/// let board = plugin_api::testing::Published::of(Board::default());
/// board.call::<()>("pin", ("cat", "buy food")).unwrap();
/// let panel = board.panel("Board", PanelQuery::default()).wait().unwrap();
/// let rows = panel.get("rows").unwrap();
/// assert_eq!(*rows, Value::from(vec![Value::from(vec!["cat".into(), "buy food".into()])]));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Panel {
    columns: Vec<Value>,
    rows: Vec<Value>,
    actions: Vec<Value>,
    forms: Vec<Value>,
    note: String,
    after: Option<String>,
    searches: bool,
}

impl Panel {
    /// An empty table with columns of these names. The first cell of a row is what its buttons hand over.
    pub fn new<C: Into<String>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self {
            columns: columns.into_iter().map(|column| column.into().into()).collect(),
            rows: Vec::new(),
            actions: Vec::new(),
            forms: Vec::new(),
            note: String::new(),
            after: None,
            searches: false,
        }
    }

    /// Add a row: a cell for each column.
    pub fn push<V: IntoValue>(&mut self, cells: impl IntoIterator<Item = V>) {
        self.rows.push(Value::array(cells.into_iter().map(IntoValue::into_value)));
    }

    /// Add a button to each row. Its method is called with the row's first cell.
    pub fn action(mut self, action: PanelAction) -> Self {
        self.actions.push(Value::Struct(action.0.into()));
        self
    }

    /// Add a form above the table, with a field for each name. Its method is called with the texts in these.
    pub fn form<F: Into<String>>(mut self, action: PanelAction, fields: impl IntoIterator<Item = F>) -> Self {
        let fields = Value::array(fields.into_iter().map(|field| field.into().into()));
        self.forms.push(Value::Struct(action.with("fields", fields).0.into()));
        self
    }

    /// Give the table a search field, whose text comes as [`PanelQuery::search`].
    pub fn searchable(self) -> Self {
        Self { searches: true, ..self }
    }

    /// Say something beside the table: how much there is, or what is wrong.
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// Tell that there is another page, which is asked for with this text as [`PanelQuery::after`].
    pub fn more(self, after: impl Into<String>) -> Self {
        Self { after: Some(after.into()), ..self }
    }
}

impl IntoValue for Panel {
    const KIND: &'static str = "struct";

    fn into_value(self) -> Value {
        Value::structure([
            ("columns", Value::array(self.columns)),
            ("rows", Value::array(self.rows)),
            ("actions", Value::array(self.actions)),
            ("forms", Value::array(self.forms)),
            ("note", self.note.into()),
            ("after", self.after.map_or(Value::Nil, Value::from)),
            ("searches", self.searches.into()),
        ])
    }
}

/// A button of a panel, and the published method of the plugin that it calls.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct PanelAction(Vec<Member>);

impl PanelAction {
    /// A button with this label. `method` is the published name, without the namespace: `unpin`.
    pub fn new(label: impl Into<String>, method: impl Into<String>) -> Self {
        Self(vec![Member::new("label", Value::from(label.into())), Member::new("method", Value::from(method.into()))])
    }

    /// Ask before the method is called: it destroys something.
    pub fn confirmed(self) -> Self {
        self.with("confirm", true.into())
    }

    /// Show what the method returns.
    pub fn shown(self) -> Self {
        self.with("shows", true.into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0.push(Member::new(name, value));
        self
    }
}

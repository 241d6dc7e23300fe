//! The commands of `supervisorctl` as a list, for manuals.

use std::{io, sync::Arc};

use super::{
    commands::{default_commands, further_commands},
    controller::help_of,
    printer::Printer,
    session::{ServerLogin, Session},
};

/// A command, as a manual shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandReference {
    /// Word that runs it.
    pub name: String,
    /// Text that `help NAME` prints, laid out with tabs.
    pub help: String,
    /// True for a command that Supervisor 4.3.0 does not have.
    pub is_ours: bool,
}

/// List the commands that `supervisorctl` has itself, in the order of their table.
pub fn reference() -> Vec<CommandReference> {
    // Nothing is asked of a server, and nothing printed.
    let login = ServerLogin { url: String::new(), username: None, password: None };
    let session = Arc::new(Session::new(login, false, Printer::new(Box::new(io::sink()), None)));
    let mut list = Vec::new();
    for (objects, is_ours) in [(default_commands(&session), false), (further_commands(&session), true)] {
        let infos = objects.iter().flat_map(plugin_api::NamespaceObject::methods);
        let infos = infos.filter(|info| !info.name.starts_with('_'));
        list.extend(infos.map(|info| CommandReference {
            name: info.name.as_str().to_owned(),
            help: help_of(&info),
            is_ours,
        }));
    }
    list
}

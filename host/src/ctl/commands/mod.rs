//! The commands that `supervisorctl` has itself: each has a file with its name, help and code, and a line in a list
//! below.
//!
//! They are ctl plugins like any other, made by the same macro; only that they take all their words as they are and
//! find fault with them in Supervisor's words. Their help is laid out by hand, tabs and all, where that of a plugin is
//! made from its parameters.
//!
//! The modules are floors; each imports only from those above it in this list.

mod config_changes;
mod process_result;
mod refusal;
mod server_log;

mod groups;
mod log_files;
mod process_action;

mod add;
mod avail;
mod clear;
mod exit;
mod fg;
mod maintail;
mod pid;
mod plugins;
mod reload;
mod remove;
mod reopen;
mod reread;
mod rotate;
mod shutdown;
mod signal;
mod start;
mod status;
mod stop;
mod tail;
mod update;
mod upgrade;
mod version;

mod open;
mod rolling;

mod restart;

use std::sync::Arc;

use plugin_api::{NamespaceObject, namespace};

use super::session::Session;

/// A list of commands, each made for the session.
macro_rules! commands {
    ($session:ident: $($command:path,)*) => { vec![$(namespace(Arc::new($command(Arc::clone($session))))),*] };
}

/// Supervisor's commands: those that `help` lists as `default commands`.
pub(super) fn default_commands(session: &Arc<Session>) -> Vec<NamespaceObject> {
    commands![session:
        status::StatusCommand,
        pid::PidCommand,
        start::StartCommand,
        stop::StopCommand,
        restart::RestartCommand,
        signal::SignalCommand,
        clear::ClearCommand,
        tail::TailCommand,
        maintail::MaintailCommand,
        fg::FgCommand,
        avail::AvailCommand,
        reread::RereadCommand,
        update::UpdateCommand,
        add::AddCommand,
        remove::RemoveCommand,
        reload::ReloadCommand,
        shutdown::ShutdownCommand,
        open::OpenCommand,
        version::VersionCommand,
        exit::ExitCommand,
    ]
}

/// The commands that Supervisor does not have. They stand under a heading of their own, so that `help` shows the
/// default commands as they have always been; and a plugin with a command of the same name keeps it.
pub(super) fn further_commands(session: &Arc<Session>) -> Vec<NamespaceObject> {
    commands![session:
        plugins::PluginsCommand,
        reopen::ReopenCommand,
        rotate::RotateCommand,
        upgrade::UpgradeCommand,
    ]
}

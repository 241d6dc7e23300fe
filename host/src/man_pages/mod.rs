//! Manual pages, made of the tables that the program itself uses: options, commands, command lines, types of events.
//!
//! They stand in `conf/man`, and the chapter of all options in `host/manual`; a test compares them with what is made
//! here, and writes them where `UPDATE_MANUAL` is set.
//!
//! The modules are floors; each imports only from those above it in this list.

mod roff;

mod chapter_of_options;
mod page_of_options;
mod page_of_plugins;
mod pages_of_programs;

/// Make all files, each with its path in the workspace.
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("conf/man/supervisord.8", pages_of_programs::supervisord()),
        ("conf/man/supervisorctl.1", pages_of_programs::supervisorctl()),
        ("conf/man/supervisord.conf.5", page_of_options::supervisord_conf()),
        ("conf/man/supervisor-plugin.7", page_of_plugins::supervisor_plugin()),
        ("host/manual/options.md", chapter_of_options::options()),
    ]
}

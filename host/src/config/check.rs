//! The check of a config that is not run: all that can be said of it, right or wrong.

use std::path::Path;

use super::{
    client,
    error::ConfigError,
    include,
    model::{ClientConfig, Config},
    overrides::Overrides,
    resolve,
    types::Message,
    unknown,
};

/// Content of a config file, with everything that is wrong in it.
#[derive(Debug, Default)]
pub struct Checked {
    /// Config of supervisord as far as it could be resolved; `None` where the file could not be read at all.
    pub config: Option<Config>,
    /// Config of supervisorctl as far as it could be resolved; `None` where the file has no
    /// `[supervisorctl]`, which supervisord can do without.
    pub client: Option<ClientConfig>,
    /// Errors in the order in which supervisord would have met them.
    pub errors: Vec<ConfigError>,
    /// Warnings and notes, each once.
    pub messages: Vec<Message>,
}

impl Checked {
    /// Read the config file at `path` and its includes for supervisord, with its command line, and for supervisorctl.
    pub fn load(path: &Path, overrides: &Overrides) -> Self {
        let mut checked = Self::default();
        match resolve::resolve(path, overrides, resolve::Surroundings::of_this_process()) {
            Ok((config, errors)) => {
                checked.errors.extend(errors.err().iter().flatten().cloned());
                checked.messages.clone_from(&config.messages);
                checked.config = Some(config);
            }
            Err(errors) => checked.errors.extend(errors.iter().cloned()),
        }
        let main = include::read_main(&path.to_string_lossy()).ok();
        if let Some(section) = main.as_ref().and_then(|sections| sections.get("supervisorctl")) {
            // What supervisord has read has said so of all sections, in one line for each key.
            let slips = if checked.config.is_some() { unknown::in_section(section) } else { Vec::new() };
            match client::from_file(&path.to_string_lossy(), &resolve::Surroundings::of_this_process()) {
                Ok((client, errors)) => {
                    let said = |message: &Message| checked.messages.contains(message) || slips.contains(&message.text);
                    let new: Vec<_> = client.messages.iter().filter(|message| !said(message)).cloned().collect();
                    checked.messages.extend(new);
                    checked.errors.extend(errors.err().iter().flatten().cloned());
                    checked.client = Some(client);
                }
                Err(errors) => checked.errors.extend(errors.iter().cloned()),
            }
        }
        checked
    }
}

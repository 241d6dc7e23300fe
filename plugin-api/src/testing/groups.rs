//! Groups and data directory of a fake supervisord, as far as a plugin can see and change them.

use std::{
    env, fs,
    path::PathBuf,
    process,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use super::script::lock;
use crate::{
    Member, RVec,
    abi::{Fault, Value},
};

/// Groups of processes that do not run.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<Vec<(String, Vec<Value>)>>);

impl Groups {
    pub(super) fn add(&self, name: &str, processes: &[&str]) {
        let processes = processes.iter().map(|process| of_name(process, RVec::new())).collect();
        lock(&self.0).push((name.to_owned(), processes));
    }

    pub(super) fn values(&self) -> Vec<Value> {
        let group = |(name, processes): &(String, Vec<Value>)| {
            Value::structure([
                ("name", name.as_str().into()),
                ("priority", 999.into()),
                ("processes", Value::array(processes.iter().cloned())),
            ])
        };
        lock(&self.0).iter().map(group).collect()
    }

    pub(super) fn add_program(&self, group: &str, program: &str, options: Value) -> Result<Vec<String>, Fault> {
        let mut groups = lock(&self.0);
        let processes = find(&mut groups, group)?;
        if position(processes, program).is_some() {
            return Err(Fault::bad_name_with(program));
        }
        let Value::Struct(options) = options else { return Err(Fault::incorrect_parameters()) };
        if crate::find(&options, "command").is_none() {
            let message = format!("program section program:{program} does not specify a command");
            return Err(Fault::incorrect_parameters_with(message));
        }
        processes.push(of_name(program, options));
        Ok(vec![program.to_owned()])
    }

    pub(super) fn remove_process(&self, group: &str, name: &str) -> Result<(), Fault> {
        let mut groups = lock(&self.0);
        let processes = find(&mut groups, group)?;
        let index = position(processes, name).ok_or_else(|| Fault::bad_name_with(name))?;
        processes.remove(index);
        Ok(())
    }
}

fn of_name(name: &str, mut options: RVec<Member>) -> Value {
    options.insert(0, Member::new("name", name));
    Value::Struct(options)
}

fn find<'a>(groups: &'a mut [(String, Vec<Value>)], name: &str) -> Result<&'a mut Vec<Value>, Fault> {
    let group = groups.iter_mut().find(|group| group.0 == name);
    group.map(|group| &mut group.1).ok_or_else(|| Fault::bad_name_with(format_args!("group: {name}")))
}

fn position(processes: &[Value], name: &str) -> Option<usize> {
    processes.iter().position(|process| process.get("name").is_some_and(|own| own == name))
}

/// A directory that is there until the fake is dropped.
#[derive(Debug, Default)]
pub(super) struct DataDir(OnceLock<PathBuf>);

impl DataDir {
    pub(super) fn get(&self) -> Result<PathBuf, Fault> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = self.0.get_or_init(|| {
            let number = COUNT.fetch_add(1, Relaxed);
            env::temp_dir().join(format!("supervisor-plugin-test-{}-{number}", process::id()))
        });
        fs::create_dir_all(path).map_err(Fault::failed_with)?;
        Ok(path.clone())
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(path) = self.0.get() {
            // The system cleans up what is left there.
            let _ = fs::remove_dir_all(path);
        }
    }
}

//! Check that a library is all there, and for this machine. The dynamic loader maps what the file's headers promise,
//! and the process dies of SIGBUS where a file that was cut short in copying does not keep it; so the sizes are
//! compared first. Of a library for another processor it says only that there is no such file.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use crate::PluginError;

/// Refuse what is no regular file, and an ELF file that is shorter than its headers say or for another processor.
pub(crate) fn check_elf(path: &Path) -> Result<(), PluginError> {
    let unreachable = |error: io::Error| PluginError::Unreachable { path: path.to_owned(), reason: error.to_string() };
    let refused = |reason: String| PluginError::NotALibrary { path: path.to_owned(), reason };
    // Looked at before it is opened: to open a FIFO is to wait for ever.
    let metadata = path.metadata().map_err(unreachable)?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(unreachable)?;
    let promised = promised_length(&file).map_err(unreachable)?;
    if promised > metadata.len() {
        let length = metadata.len();
        return Err(refused(format!("it has {length} bytes and should have at least {promised}; copy it again")));
    }
    let machine = |file: &File| -> io::Result<Option<u64>> {
        let mut header = [0; 20];
        file.read_exact_at(&mut header, 0)?;
        Ok(header.starts_with(b"\x7fELF").then(|| half(&header, 18)))
    };
    // Where there is nothing to compare, the loader decides.
    let ours = File::open("/proc/self/exe").and_then(|own| machine(&own)).ok().flatten();
    let its = machine(&file).ok().flatten();
    if ours.is_some() && its.is_some() && ours != its {
        return Err(refused("it was built for another kind of processor".to_owned()));
    }
    Ok(())
}

/// Length of the file in bytes, as its headers say; 0 for what is not ELF of 64 bits, which is left to the loader to
/// refuse.
fn promised_length(file: &File) -> io::Result<u64> {
    const HEADER: usize = 64;
    const PROGRAM_HEADER: u64 = 56;
    let mut header = [0; HEADER];
    if let Err(error) = file.read_exact_at(&mut header, 0) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(0) } else { Err(error) };
    }
    if !header.starts_with(b"\x7fELF\x02") {
        return Ok(0);
    }
    let (programs, sections) = (word(&header, 32), word(&header, 40));
    let (program_count, section_size, section_count) = (half(&header, 56), half(&header, 58), half(&header, 60));
    let mut promised = sections.saturating_add(section_size * section_count);
    for index in 0..program_count {
        let at = programs.saturating_add(index * PROGRAM_HEADER);
        let mut program = [0; 40];
        match file.read_exact_at(&mut program, at) {
            Ok(()) => promised = promised.max(word(&program, 8).saturating_add(word(&program, 32))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                promised = promised.max(at.saturating_add(PROGRAM_HEADER));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(promised)
}

/// Eight bytes as this machine writes them: a library of another byte order does not load anyway.
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(word)
}

/// Two bytes as this machine writes them.
fn half(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn a_library_that_was_cut_short_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("libshelf.so");
        // Any ELF file will do.
        fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        assert!(check_elf(&path).is_ok());
        let whole = path.metadata().unwrap().len();
        for length in [whole - 1, whole / 2, 1000, 100] {
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            let error = check_elf(&path).unwrap_err().to_string();
            assert!(error.contains(&format!(": it has {length} bytes and should have at least ")), "{error}");
        }
    }

    #[test]
    fn a_library_for_another_processor_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("libshelf.so");
        fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&0x0f0f_u16.to_ne_bytes(), 18).unwrap();
        let error = check_elf(&path).unwrap_err().to_string();
        assert!(error.ends_with(": it was built for another kind of processor"), "{error}");
    }

    #[test]
    fn what_is_no_elf_is_left_to_the_loader_and_what_is_no_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("short.so", "x"), ("long.so", &*"x".repeat(100))] {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            assert!(check_elf(&path).is_ok());
        }
        let fifo = directory.path().join("libfifo.so");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        for path in [fifo.as_path(), directory.path()] {
            let error = check_elf(path).unwrap_err().to_string();
            assert!(error.ends_with(": it is not a regular file"), "{error}");
        }
    }
}

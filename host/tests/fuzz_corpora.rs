//! The corpora of `fuzz/`, played to the functions that the fuzzer plays them to: what was once found stays found.

#[path = "behaviour/common/peers.rs"]
pub mod peers;
#[path = "../../fuzz/python/mod.rs"]
pub mod python;

use std::{fs, panic, path::Path};

use proptest::prelude::*;

/// Most files of a corpus, and most bytes of one of them.
const MOST: (usize, u64) = (60, 4096);

fn xmlrpc_python(data: &[u8]) {
    python::compare(|| peers::Peers::get().program("python"), data);
}

#[test]
fn every_file_of_every_corpus_passes() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host is a folder").join("fuzz/corpus");
    let compared: supervisor_host::fuzzing::Target = ("xmlrpc_python", xmlrpc_python);
    let targets = supervisor_host::fuzzing::TARGETS.iter().chain(supervisor_cache::fuzzing::TARGETS);
    let targets = targets.chain([&compared]);
    let mut known = Vec::new();
    for (name, run) in targets {
        known.push((*name).to_owned());
        let listing = fs::read_dir(corpora.join(name)).unwrap_or_else(|error| panic!("the corpus {name}: {error}"));
        let files: Vec<_> = listing.map(|file| file.expect("it can be listed").path()).collect();
        assert!((1..=MOST.0).contains(&files.len()), "the corpus {name} has {} files", files.len());
        for file in files {
            let bytes = fs::read(&file).expect("it was listed");
            assert!(bytes.len() as u64 <= MOST.1, "{} is too long", file.display());
            assert!(panic::catch_unwind(|| run(&bytes)).is_ok(), "{} does not pass", file.display());
        }
    }
    let mut there: Vec<String> = fs::read_dir(corpora)
        .expect("it was listed")
        .map(|corpus| corpus.expect("it can be listed").file_name().into_string().expect("names are text"))
        .collect();
    there.sort_unstable();
    known.sort_unstable();
    assert_eq!(there, known, "each corpus has a function, and each function a corpus");
    for name in known {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/fuzz_targets/{name}.rs"));
        assert!(target.exists(), "{} plays to the function", target.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn documents_are_read_as_python_reads_them(data in proptest::collection::vec(any::<u8>(), 1..300)) {
        xmlrpc_python(&[&[1], &data[..]].concat());
    }
}

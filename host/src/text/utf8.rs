//! Beginnings and ends of characters in pieces of text that were cut anywhere.

/// Bytes that a character has after its first, at the most.
const MOST_AFTER_FIRST: usize = 3;

/// Length of the rest of a character that began before a piece, in bytes.
pub fn rest_of_character(piece: &[u8]) -> usize {
    let is_rest = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    piece.iter().take(MOST_AFTER_FIRST).take_while(is_rest).count()
}

/// Length of the beginning of a character that a piece ends with, in bytes.
pub fn unfinished_character(piece: &[u8]) -> usize {
    let from = piece.len().saturating_sub(MOST_AFTER_FIRST);
    let mut starts = (from..piece.len()).rev();
    // Not wrong, only unfinished.
    let is_unfinished = |at: &usize| {
        std::str::from_utf8(&piece[*at..]).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    starts.find(is_unfinished).map_or(0, |at| piece.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_character_is_found_at_either_end() {
        for character in ["a", "é", "가", "\u{1f600}"] {
            let bytes = character.as_bytes();
            for cut in 0..=bytes.len() {
                let (before, after) = bytes.split_at(cut);
                let inside = cut > 0 && cut < bytes.len();
                assert_eq!(unfinished_character(&[b"x", before].concat()), if inside { cut } else { 0 }, "{before:?}");
                assert_eq!(
                    rest_of_character(&[after, b"x"].concat()),
                    if inside { after.len() } else { 0 },
                    "{after:?}"
                );
            }
        }
        assert_eq!((unfinished_character(b""), rest_of_character(b"")), (0, 0));
    }

    #[test]
    fn what_is_no_character_is_no_part_of_one() {
        for wrong in [&b"a\xff"[..], b"a\x88", b"\x88\x88\x88", b"\xf8\x88\x88", b"\xe9a", b"\xc0", b"\xed\xa0"] {
            assert_eq!(unfinished_character(wrong), 0, "{wrong:?}");
        }
        assert_eq!(rest_of_character(b"\x88\x88\x88\x88"), 3);
        assert_eq!(rest_of_character(b"\xff\x88"), 0);
    }
}

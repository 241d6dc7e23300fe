//! Which of several known names was probably meant.

/// The known name with the smallest edit distance to `name`, and whether it is near enough to be a likely slip.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, bool)> {
    known.into_iter().map(|candidate| (distance(name, candidate), candidate)).min_by_key(|(distance, _)| *distance).map(
        |(distance, candidate)| {
            let longest = name.chars().count().max(candidate.chars().count());
            (candidate, distance <= (longest / 3).max(1))
        },
    )
}

/// Edits that turn one into the other: insert, delete, replace, or swap two neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (i, &l) in left.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, &r) in right.iter().enumerate() {
            let mut best = (above[j + 1] + 1).min(row[j] + 1).min(above[j] + usize::from(l != r));
            if i > 0 && j > 0 && l == right[j - 1] && left[i - 1] == r {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_slip_of_a_finger() {
        let known = ["command", "user", "umask", "startsecs"];
        assert_eq!(nearest("comand", known), Some(("command", true)));
        assert_eq!(nearest("ocmmand", known), Some(("command", true)));
        assert_eq!(nearest("start_secs", known), Some(("startsecs", true)));
        assert_eq!(nearest("usr", known), Some(("user", true)));
        assert_eq!(nearest("zzz", known), Some(("user", false)));
        assert_eq!(nearest("x", []), None);
    }
}

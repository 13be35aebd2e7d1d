//! Reads a `curl` command as it is typed, as far as the examples use it.

#[derive(Debug)]
pub(crate) struct Curl {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Curl {
    pub(crate) fn parse(command: &str) -> Self {
        let mut words = words(command).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
        let mut curl = Self { method: String::new(), url: String::new(), headers: Vec::new(), body: String::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value in {command}"));
            match word.as_str() {
                "-X" => curl.method = value(),
                "-d" => curl.body = value(),
                "-H" => {
                    let header = value();
                    let (name, value) = header.split_once(": ").expect("a header");
                    curl.headers.push((name.to_owned(), value.to_owned()));
                }
                _ => curl.url = word,
            }
        }
        if curl.method.is_empty() {
            curl.method = if curl.body.is_empty() { "GET" } else { "POST" }.to_owned();
        }
        curl
    }
}

/// Words as a shell has them, with quotes taken away. Nothing is expanded between single quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

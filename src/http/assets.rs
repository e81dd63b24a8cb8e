//! Static files: compiled in, named by their content, so that a browser may keep them for ever and never has an old one.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::base::digest;

/// The route that [`asset`] answers.
pub const ROUTE: &str = "/static/{name}";

/// (name, media type, content) of every file.
const FILES: [(&str, &str, &[u8]); 3] = [
    ("main.css", "text/css; charset=utf-8", include_bytes!("../../static/main.css")),
    ("signin.js", "text/javascript; charset=utf-8", include_bytes!("../../static/signin.js")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../../static/favicon.svg")),
];

struct Asset {
    name: &'static str,
    /// `main.u1Zk3_Xv9aPq.css`
    hashed_name: String,
    media_type: &'static str,
    content: &'static [u8],
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|&(name, media_type, content)| {
            let hash = digest::base64url(&digest::sha256(&[content])[..9]);
            let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
            Asset { name, hashed_name: format!("{stem}.{hash}.{extension}"), media_type, content }
        })
        .collect()
});

/// The path of the file `name` (`main.css`), with the hash of its content in it. A file that does not exist gives a path that
/// answers 404; a test reads the templates and knows each name.
pub fn asset_url(name: &str) -> String {
    let hashed_name = ASSETS.iter().find(|asset| asset.name == name).map_or(name, |asset| &asset.hashed_name);
    format!("/static/{hashed_name}")
}

/// GET [`ROUTE`]: the file, to be kept for ever; 404 for any other name, so also for the name without its hash.
pub async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.hashed_name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_served_under_the_name_with_its_hash_alone() {
        let url = asset_url("main.css");
        let name = url.strip_prefix("/static/").unwrap().to_owned();
        let response = asset(Path(name)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(asset(Path("main.css".into())).await.status(), StatusCode::NOT_FOUND);
    }
}

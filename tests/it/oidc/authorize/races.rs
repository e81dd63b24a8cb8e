//! One request, one code, over two nodes of one database (INT-03).

use reqwest::{Method, header::LOCATION};

use crate::support::{
    authorize::{Ask, browser_for, number, send},
    person::Page,
    server::{PHONE, TestServer},
};

/// How many of the answers carry a code, and how many say that the request has ended.
fn outcomes(answers: &[Page]) -> (usize, usize) {
    let with_code =
        |page: &&Page| page.headers.get(LOCATION).is_some_and(|location| location.to_str().unwrap().contains("?code=ac_"));
    let ended = |page: &&Page| page.status == 400 && page.text_of("#refusal").as_deref() == Some("IAS-6013");
    (answers.iter().filter(with_code).count(), answers.iter().filter(ended).count())
}

async fn at_once<T: Send + 'static>(tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in running {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn int_03_race_of_two_consents_of_one_request() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let ask = Ask::webapp().with("prompt", "consent");
    let mut person = browser_for(&ask);
    person.sign_in(Ask::webapp().url(&server), PHONE).await;
    for round in 1..=5 {
        person.get(ask.url(&server)).await;
        let form = person.page().forms().remove(0);
        let cookies = person.cookie_header(&form.action);
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form.fields)
            .append_pair("decision", "allow")
            .finish();
        let nodes = [server.address.clone(), second.address.clone(), server.address.clone(), second.address.clone()];
        let answers = at_once(nodes.map(|node| {
            let (cookies, body) = (cookies.clone(), body.clone());
            async move {
                let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
                let resumed = send(Method::POST, &format!("{node}/signin/consent"), &headers, Some(body)).await;
                let location = resumed.headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
                match location {
                    Some(path) => send(Method::GET, &format!("{node}{path}"), &[("cookie", &cookies)], None).await,
                    None => resumed,
                }
            }
        }))
        .await;
        assert_eq!(outcomes(&answers), (1, 3), "{answers:?}");
        assert_eq!(number(&server, "select count(*) from authorization_codes").await, round + 1);
        assert_eq!(number(&server, "select count(*) from consents").await, round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn int_03_race_of_parallel_resumes_with_one_result() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let ask = Ask::native();
    let mut person = browser_for(&ask);
    let arrival = person.get(ask.url(&server)).await;
    person.walk_to_consent(arrival, PHONE).await;
    let form = person.page().forms().remove(0);
    let cookies = person.cookie_header(&form.action);
    let resume = async |decision: &str| {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form.fields)
            .append_pair("decision", decision)
            .finish();
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
        let resumed = send(Method::POST, form.action.as_str(), &headers, Some(body)).await;
        resumed.headers[LOCATION].to_str().unwrap().to_owned()
    };
    // whoever is first decides, and a denial is as final as a code (INT-04)
    let (allow, deny) = (resume("allow").await, resume("deny").await);
    let tasks = [(&server, &allow), (&second, &deny), (&second, &allow), (&server, &deny)].map(|(node, path)| {
        let (url, cookies) = (format!("{}{path}", node.address), cookies.clone());
        async move { send(Method::GET, &url, &[("cookie", &cookies)], None).await }
    });
    let answers = at_once(tasks).await;
    let (codes, ended) = outcomes(&answers);
    assert!(codes <= 1 && ended == 3, "{answers:?}");
    assert_eq!(number(&server, "select count(*) from finished_requests").await, 1);
    assert_eq!(number(&server, "select count(*) from authorization_codes").await, i64::try_from(codes).unwrap());
}

# Every page
title = Sign in
language-label = Language
test-banner-label = Test environment
test-banner = TEST ENVIRONMENT – a simulator issues the IDs. Do not enter real data.
to-service = You are signing in to { $service }
incident = Reference number

button-allow = Allow
button-back-to = Back to { $service }
button-back-to-service = Back to the service
button-cancel = Cancel
button-continue = Continue
button-deny = Deny
button-other = Choose another way
button-retry = Try again
button-start-again = Start again

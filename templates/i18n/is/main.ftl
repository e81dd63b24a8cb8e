# Allar síður
title = Innskráning
language-label = Tungumál
test-banner-label = Prófunarumhverfi
test-banner = PRÓFUNARUMHVERFI – hermir gefur út skilríkin. Notaðu ekki raunveruleg gögn.
# Heiti þjónustu stendur alltaf í nefnifalli: „í þjónustuna“ á undan ber fallið.
to-service = Þú ert að skrá þig inn í þjónustuna { $service }
incident = Tilvísunarnúmer

button-allow = Samþykkja
button-back-to = Aftur í þjónustuna { $service }
button-back-to-service = Aftur í þjónustuna
button-cancel = Hætta við
button-continue = Halda áfram
button-deny = Hafna
button-other = Velja aðra leið
button-retry = Reyna aftur
button-start-again = Byrja aftur

# Allar síður
title = Innskráning
language-label = Tungumál
test-banner-label = Prófunarumhverfi
test-banner = PRÓFUNARUMHVERFI – hermir gefur út skilríkin. Notaðu ekki raunveruleg gögn.
to-service = Þú ert að skrá þig inn á { $service }
incident = Tilvísunarnúmer

button-allow = Samþykkja
button-back-to = Aftur á { $service }
button-back-to-service = Aftur til þjónustunnar
button-cancel = Hætta við
button-continue = Halda áfram
button-deny = Hafna
button-other = Velja aðra leið
button-retry = Reyna aftur
button-start-again = Byrja aftur

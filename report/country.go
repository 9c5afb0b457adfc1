package report

import (
	"regexp"
	"strings"
	"sync"

	"netcase"
)

// places are names of countries and what is said of their people, as far as they
// are met in reports. A place is no fault of itself; that it acts is.
const places = `afghanistan afghan albania albanian algeria algerian argentina argentine armenia armenian australia australian austria austrian azerbaijan azerbaijani
bahrain bangladesh bangladeshi belarus belarusian belgium belgian bolivia bolivian bosnia bosnian brazil brazilian bulgaria bulgarian cambodia cambodian cameroon canada canadian
chile chilean china chinese colombia colombian croatia croatian cuba cuban cyprus czechia czech denmark danish ecuador egypt egyptian estonia estonian ethiopia ethiopian
finland finnish france french georgia georgian germany german ghana greece greek hungary hungarian iceland india indian indonesia indonesian iran iranian iraq iraqi ireland irish
israel israeli italy italian japan japanese jordan kazakhstan kazakh kenya kenyan kosovo kuwait kyrgyzstan laos latvia latvian lebanon lebanese libya libyan lithuania lithuanian luxembourg
malaysia malaysian malta mexico mexican moldova moldovan mongolia montenegro morocco moroccan myanmar nepal nepalese netherlands dutch nigeria nigerian norway norwegian oman
pakistan pakistani palestine panama paraguay peru peruvian philippines filipino poland polish portugal portuguese qatar romania romanian russia russian rwanda senegal serbia serbian
seychelles singapore slovakia slovak slovenia slovenian somalia spain spanish sudan sweden swedish switzerland swiss syria syrian taiwan taiwanese tajikistan tanzania thailand thai
tunisia tunisian turkey turkish turkmenistan uganda ukraine ukrainian uruguay uzbekistan venezuela venezuelan vietnam vietnamese yemen yemeni zambia zimbabwe
north.korea north.korean south.korea south.korean korean dprk hong.kong saudi.arabia saudi united.states united.kingdom american british usa u\.s\. prc`

var countryActs = sync.OnceValue(func() *regexp.Regexp {
	place := `(?:the )?(?:` + strings.Join(strings.Fields(places), "|") + `)`
	place = regexp.MustCompile(`([a-z])\.([a-z])`).ReplaceAllString(place, "$1[ -]$2")
	actor := `(?:state|government|hackers?|actors?|attackers?|threat|adversar(?:y|ies)|groups?|gangs?|operators?|apt|intelligence|military|cyber|campaign|criminals?|botnets?|intruders?|aggress(?:or|ion)|hosts? attack|ips? attack)`
	verb := `(?:(?:is|are|was|were|has|have|had|may be|could be|might be) (?:\w+ )?)?(?:attack(?:s|ed|ing)?|scann?(?:s|ed|ing)|target(?:s|ed|ing)|prob(?:es|ed|ing)|launch(?:es|ed|ing)|hit(?:s|ting)?|behind|responsible|tr(?:ies|ied|ying)|brute-forc(?:es|ed|ing)|compromis(?:es|ed|ing)|infiltrat(?:es|ed|ing)|sponsor(?:s|ed|ing)|sent|sends|sending|direct(?:s|ed|ing)|conduct(?:s|ed|ing)|spread(?:s|ing)?|hack(?:s|ed|ing)?)`
	deed := `(?:attack(?:s|ers?)?|hackers?|actors?|adversar(?:y|ies)|threats?|campaigns?|prob(?:es?|ing)|scans?|scanning|intrusions?|hostile activity|malicious (?:activity|traffic)|brute[- ]force(?: \w+)?)`
	return regexp.MustCompile(`\b` + place + `(?:[- ](?:based|linked|backed|sponsored|affiliated|nexus))?[- ]` + actor + `\b` +
		`|\b` + place + ` ` + verb + `\b` +
		`|\b` + deed + ` (?:originat\w+ |coming |launched |conducted |attributed )?(?:from|by|to|out of|in) ` + place + `\b` +
		`|\b(?:attributed to|attribution to|originat(?:es?|ed|ing) (?:from|in)|on behalf of|blame[sd]? on) ` + place + `\b`)
})

func lintCountry(s lintSentence, _ *netcase.Case) string {
	// The whole sentence: a denial of an act of a country is still about it.
	return countryActs().FindString(s.text)
}
